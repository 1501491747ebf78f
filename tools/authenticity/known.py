"""known.py - readings that do not pass yet, named so that nobody takes them for passing: row -> {text that the reading's name begins with: why}.
"*" stands for the whole row.

tests: such a reading is reported as a skip with its reason instead of a failure. Take the line away when it passes; test_rows.py says so."""

KNOWN = {
    "luma.mtf": {s + ", luma.mtf=1.6: most power": "17 taps are too few to fall that fast at 1.6 MHz" for s in ("ntsc", "pal")},
}


def reason(row_name, what):
    """Why this reading is known not to pass; None when it has to."""
    for text, why in KNOWN.get(row_name, {}).items():
        if text == "*" or what.startswith(text):
            return why
    return None
