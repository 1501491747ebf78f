#!/usr/bin/env python3
"""embed_profiles.py OUT.c FILE.ini... - turns looks into the table that signal/profiles.c reads, in the order given."""
import pathlib
import sys

out, names = pathlib.Path(sys.argv[1]), [pathlib.Path(n) for n in sys.argv[2:]]
lines = ["/* Made from share/profiles by tools/embed_profiles.py. */", '#include "signal/profiles.h"', "", "#include <stddef.h>", ""]
table = []
for i, path in enumerate(names):
    text = path.read_text(encoding="ascii")
    # Numbers, not a string: ISO C promises only 4095 characters of one.
    lines.append(f"static const char text_{i}[] = {{ " + ", ".join(str(b) for b in text.encode()) + ", 0 };")
    table.append(f'    {{ "{path.stem}", text_{i} }},')
lines += ["const struct profile_file profile_files[] = {", *table, "    { NULL, NULL },", "};", ""]
out.write_text("\n".join(lines))
