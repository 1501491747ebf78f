"""known.py - readings that do not pass yet, named so that nobody takes them for passing: row -> {text that the reading's name begins with: why}.
"*" stands for the whole row.

tests: such a reading is reported as a skip with its reason instead of a failure. Take the line away when it passes; test_rows.py says so."""

KNOWN = {}


def reason(row_name, what):
    """Why this reading is known not to pass; None when it has to."""
    for text, why in KNOWN.get(row_name, {}).items():
        if text == "*" or what.startswith(text):
            return why
    return None
