#!/usr/bin/env python3
"""check_tree.py - small rules of the tree: every C file says what it is for, nothing unfinished, no registry address, no over-long line."""
import pathlib
import re
import subprocess
import sys

tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split("\n")
bad = []
for name in filter(None, tracked):
    path = pathlib.Path(name)
    if not path.is_file() or "corpus" in path.parts or path.suffix in {".png", ".jpg", ".bin"}:
        continue
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        bad.append(f"{name}: not UTF-8 text")
        continue
    lines = text.split("\n")
    if path.suffix in {".c", ".h"}:
        if not lines[0].startswith("/*"):
            bad.append(f"{name}:1: the first comment must say what the file is for")
        for number, line in enumerate(lines, 1):
            if len(line) > 220:
                bad.append(f"{name}:{number}: {len(line)} characters")
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                bad.append(f"{name}:{number}: unfinished")
    if path.name == "package-lock.json" and '"resolved"' in text:
        bad.append(f"{name}: names a registry's address")
for line in bad:
    print(line)
print(f"tree: {len(bad)} violations")
sys.exit(1 if bad else 0)
