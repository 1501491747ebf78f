#!/usr/bin/env python3
"""check_includes.py - holds the arrows of docs/architecture.md: which folder of src/ may include which, and which library belongs to which folder."""
import pathlib
import re
import sys

LAYERS = {
    "base": "",
    "signal": "base",
    "deck": "base",
    "wire": "base",
    "media": "base signal wire",
    "deliver": "base wire",
    "net": "base wire",
    "http": "base wire",
    "store": "base wire net",
    "session": "deck deliver store net wire base",
    "app": "session deck deliver store net wire base",
    "api": "app session signal deck deliver store http wire base",
    "render": "deck signal media wire base",
    "agent": "media deck signal deliver net wire base",
    "cmd": "base signal deck wire media deliver net http store session app api render agent",
}
# A header of a third-party library (first path part or name) -> the folders of src/ that may include it.
LIBRARIES = {
    "uv.h": "base http session app deliver",
    "openssl": "deliver http store app wire",
    "sodium.h": "app deliver store wire",
    "jansson.h": "api app",
    "zlib.h": "wire",
    "sqlite3.h": "store/sqlite",
    "libavformat": "media", "libavcodec": "media", "libavfilter": "media", "libavutil": "media", "libswscale": "media", "libswresample": "media",
    "x264.h": "media",
    "opus": "media",
    "seccomp.h": "media render",
    "srt": "deliver",
    "ini.h": "cmd signal",
}
PURE = ("signal", "deck", "wire")  # no sockets, files or clocks
IMPURE = {"uv.h", "base/loop.h", "base/pool.h", "base/clock.h", "base/log.h", "sys/socket.h", "pthread.h", "time.h", "fcntl.h", "unistd.h"}

include = re.compile(r'^\s*#\s*include\s+[<"]([^">]+)[">]')
bad = []
for path in sorted(pathlib.Path("src").rglob("*.[ch]")):
    folder = path.parts[1]
    if folder not in LAYERS:
        bad.append(f"{path}: folder {folder} is not in the architecture")
        continue
    allowed = set(LAYERS[folder].split()) | {folder}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = include.match(line)
        if not found:
            continue
        name = found.group(1)
        first = name.split("/")[0]
        if line.split()[1:2] and '"' in line and "/" not in name:
            bad.append(f"{path}:{number}: include {name} with its folder")
        if '"' in line and first in LAYERS and first not in allowed:
            bad.append(f"{path}:{number}: {folder} may not include {name}")
        if '"' in line and name.endswith("/internal.h") and first != folder:
            bad.append(f"{path}:{number}: {name} is for its own folder only")
        owners = LIBRARIES.get(name, LIBRARIES.get(first)) if "<" in line else None
        if owners is not None and folder != "cmd":
            here = "/".join(path.parts[1:-1])
            if not any(here == o or here.startswith(o + "/") for o in owners.split()):
                bad.append(f"{path}:{number}: {name} belongs to {owners}")
        if folder in PURE and name in IMPURE:
            bad.append(f"{path}:{number}: {folder} is pure and may not include {name}")
for line in bad:
    print(line)
print(f"includes: {len(bad)} violations")
sys.exit(1 if bad else 0)
