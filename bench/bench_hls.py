#!/usr/bin/env python3
"""bench_hls.py - what players ask for, beside nginx in the same run: a segment (one byte range of a reel, below a token) against sendfile of the same file and range, a
playlist below a token (its MAC checked, found in memory) against a static file of the same bytes, a two-hour tape against one of ten minutes, and what vcrd then holds
in memory. wrk loads both in alternating rounds; what counts is requests per CPU-second of the server."""
import json
import pathlib
import re
import sqlite3
import struct
import urllib.parse
import zlib

from bench_http import Bench, call, rate

FRAGMENT_BYTES, FRAGMENT_US, INIT_BYTES = 64 << 10, 1000000, 700
RSS_LIMIT_MIB = 40


def index(fragments):
    """A reel's index (wire/reelidx.h) for fragments of one size."""
    head = b"VCRX" + struct.pack(">HHIIIIHHHHHHI", 1, 0, 0, 90000, 600000, 524288, 720, 480, 8, 9, 0, 4, 0) + b"avc1.42c01f".ljust(32, b"\0") + b"\1\x42\xc0\x1f"
    head += struct.pack(">IqIII", INIT_BYTES, fragments * FRAGMENT_US, fragments, fragments * 30, 0)
    records = b"".join(struct.pack(">QqIIIIII", INIT_BYTES + i * FRAGMENT_BYTES, i * FRAGMENT_US, FRAGMENT_BYTES, 0, FRAGMENT_US, i * 30, 30, 9000) for i in range(fragments))
    return head + records + struct.pack(">I", zlib.crc32(head + records))


def long_tape(url, token, folder, seconds):
    """A tape whose reel is of that length and holds nothing: the addresses of its list and of its reel below a token."""
    tape = json.loads(call(url + "/api/v1/tapes", {"title": f"{seconds} s"}, token))["id"]
    key = f"tapes/{tape}/r1/clean"
    blobs = folder / "data" / "blobs" / f"tapes/{tape}/r1"
    blobs.mkdir(parents=True)
    (blobs / "clean.idx").write_bytes(index(seconds))
    size = INIT_BYTES + seconds * FRAGMENT_BYTES
    with (blobs / "clean.mp4").open("wb") as f:
        f.truncate(size)
    with sqlite3.connect(folder / "data" / "vcr.db", timeout=10) as db:
        db.execute("INSERT INTO reels(tape_id, kind, blob_key, index_key, size_bytes, duration_us) VALUES(?, 'clean_video', ?, ?, ?, ?)",
                   (tape, key + ".mp4", key + ".idx", size, seconds * FRAGMENT_US))
        db.execute("UPDATE tapes SET status = 'ready', duration_us = ? WHERE id = ?", (seconds * FRAGMENT_US, tape))
    return addresses(url, json.loads(call(f"{url}/api/v1/hls/{tape}/token", {}, token))["url"])


def addresses(url, front):
    """list and reel of the picture, below the token."""
    front = url + front + "&look=clean"
    name = next(line for line in call(front).decode().splitlines() if line and not line.startswith("#"))
    media = urllib.parse.urljoin(front, name)
    reel = re.search(r'EXT-X-MAP:URI="([^"]+)"', call(media).decode())[1]
    return media, urllib.parse.urljoin(media, reel)


def segment_range(media, n):
    """The Range header of the n-th segment, counted from the end when negative."""
    size, offset = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)", call(media).decode())[n]
    return [f"Range: bytes={offset}-{int(offset) + int(size) - 1}"], int(size)


def rss_mib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def compare_lengths(vcrd, short, long):
    """The last segment of the long tape against one in the short tape: by how much it costs more."""
    (short_range, size), (long_range, _) = segment_range(short[0], 60), segment_range(long[0], -2)
    mine, theirs = [], []
    for _ in range(7):
        theirs.append(rate(vcrd.pid, short[1], short_range))
        mine.append(rate(vcrd.pid, long[1], long_range))
    mine.sort(), theirs.sort()
    print(json.dumps({"row": "a segment of a 2 h tape, CPU time", "unit": "us", "value": 1e6 / mine[3], "note": f"{size >> 10} KiB", "baseline": "of a 10 min tape",
                      "baseline_value": 1e6 / theirs[3], "op": "ratio <", "limit": 1.1}), flush=True)


def main():
    with Bench() as b:
        token = json.loads(call(b.url + "/api/v1/auth/login", {"email": "a@example.org", "password": "correct horse battery"}))["access_token"]
        short, long = long_tape(b.url, token, b.folder, 600), long_tape(b.url, token, b.folder, 7200)
        kib = {}
        for file, (media, _) in {"short.m3u8": short, "long.m3u8": long}.items():
            text = call(media)
            (b.folder / file).write_bytes(text)
            kib[file] = f"{len(text) >> 10} KiB"
        b.start_nginx("{}")
        b.compare("segment below a token, requests", 0.95, b.reel_url, "/reel.mp4", "sendfile", f"{b.segment_bytes >> 10} KiB", b.segment_range)
        b.compare("playlist below a token, requests", 0.7, short[0], "/short.m3u8", "static file", f"10 min, {kib['short.m3u8']}")
        b.compare("the same of a 2 h tape, requests", None, long[0], "/long.m3u8", "static file", kib["long.m3u8"])
        b.compare("the same compressed, requests", None, long[0], "/long.m3u8", "static file, not compressed", "2 h, gzip", ["Accept-Encoding: gzip"])
        compare_lengths(b.vcrd, short, long)
        print(json.dumps({"row": "vcrd after all of that, resident", "unit": "MiB", "value": rss_mib(b.vcrd.pid), "op": "<", "limit": RSS_LIMIT_MIB}), flush=True)


if __name__ == "__main__":
    main()
