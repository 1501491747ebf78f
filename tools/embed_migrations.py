#!/usr/bin/env python3
"""embed_migrations.py OUT.c FILE.sql... - turns numbered SQL files into the table that store/migrate.c applies."""
import pathlib
import re
import sys

out, names = pathlib.Path(sys.argv[1]), [pathlib.Path(n) for n in sys.argv[2:]]
lines = ["/* Made from store/migrations by tools/embed_migrations.py. */", '#include "store/internal.h"', ""]
table, last = [], 0
for path in sorted(names):
    match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
    if not match or int(match.group(1)) <= last:
        sys.exit(f"{path.name}: migrations are named NNNN_name.sql, each number once")
    last = int(match.group(1))
    text = path.read_text(encoding="ascii")
    if not text.rstrip(" ").endswith(";\n"):
        sys.exit(f"{path.name}: must end with ';' and a new line")
    # Numbers, not a string: ISO C promises only 4095 characters of one.
    lines.append(f"static const char text_{last}[] = {{ " + ", ".join(str(b) for b in text.encode()) + ", 0 };")
    table.append(f'    {{ {last}, "{match.group(2)}", text_{last} }},')
lines += ["const struct sql_migration sql_migrations[] = {", *table, "};"]
lines += ["const size_t sql_migration_count = sizeof(sql_migrations) / sizeof(sql_migrations[0]);", ""]
out.write_text("\n".join(lines))
