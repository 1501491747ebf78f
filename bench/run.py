#!/usr/bin/env python3
"""run.py - ./dev bench: runs the benches of bench/ and closes with one table of their rows.

A bench prints what people may like to read, and its rows as lines of JSON:
  row, unit, value, note                    what was measured
  baseline, baseline_value                  what it is compared with (name and version), in the same unit, measured in alternating rounds
  op, limit                                 what must hold: "<", ">=" of the value, "ratio <", "ratio >=" of value / baseline_value
A row that is missed is shown, no more; only a bench that breaks makes the exit code 1, or with --hold a row that is missed."""
import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
LIMIT_S = 180  # one bench; more is a hang
SOAK = "soak"  # ./dev soak alone; it takes its VCR_SOAK_MINUTES, and what comes before and after


def commands(build):
    """name -> command line, in the order of the table"""
    programs = {name: [str(build / "bench" / f"bench_{name}")] for name in ("deck", "signal", "render", "cached", "make", "webrtc", "store", "timeline")}
    programs["ingest"] = [sys.executable, str(BENCH / "bench_ingest.py")]
    programs["http"] = [sys.executable, str(BENCH / "bench_http.py")]
    programs["hls"] = [sys.executable, str(BENCH / "bench_hls.py")]
    programs["system"] = ["node", str(BENCH / "system.mjs")]
    programs["live"] = ["node", str(BENCH / "live.mjs")]
    programs[SOAK] = ["node", str(BENCH / "soak.mjs")]
    return programs


def limit_s(name):
    return LIMIT_S + 420 + 60 * float(os.environ.get("VCR_SOAK_MINUTES") or 60) if name == SOAK else LIMIT_S


def run(name, command, env):
    """The rows of one bench, and whether it ended well."""
    print(f"== {name}", flush=True)
    rows, start = [], time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        out, _ = process.communicate(timeout=limit_s(name))
    except subprocess.TimeoutExpired:
        process.terminate()
        out, _ = process.communicate()
        print(f"{name}: not within {limit_s(name):.0f} s", file=sys.stderr)
    for line in out.splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            print("   " + line)
    for row in rows:
        print(f"   {row['row']}: {shown(row)}")
    print(f"   ({time.monotonic() - start:.0f} s)", flush=True)
    if process.returncode == 0 and not rows:
        print(f"{name}: no rows", file=sys.stderr)
    return rows, process.returncode == 0 and bool(rows)


def number(value, unit):
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 4
    text = f"{value:,.{digits}f}".replace(",", " ")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text} {unit}".strip()


def shown(row):
    return number(row["value"], row["unit"]) + (f" ({row['note']})" if row.get("note") else "")


def ratio_of(row):
    return row["value"] / row["baseline_value"] if row.get("baseline_value") else None


def verdict(row):
    if "op" not in row:
        return "", ""
    by_ratio = row["op"].startswith("ratio ")
    value = ratio_of(row) if by_ratio else row["value"]
    less = row["op"].endswith("<")
    must = f"{row['op']} {number(row['limit'], '' if by_ratio else row['unit'])}"
    return must, "ok" if value is not None and (value < row["limit"] if less else value >= row["limit"]) else "MISSED"


def table(rows):
    lines = [("what", "measured", "baseline", "ratio", "must hold", "")]
    for row in rows:
        baseline = f"{row['baseline']}: {number(row['baseline_value'], row['unit'])}" if row.get("baseline") else ""
        ratio = ratio_of(row)
        lines.append((row["row"], shown(row), baseline, "" if ratio is None else f"{ratio:.2f}", *verdict(row)))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def machine():
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, load {os.getloadavg()[0]:.1f} before"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--hold", action="store_true", help="a row that is missed is a failure")
    parser.add_argument("names", nargs="*", help="only these")
    args = parser.parse_args()
    build = ROOT / args.build
    programs = commands(build)
    unknown = [n for n in args.names if n not in programs]
    if unknown:
        sys.exit(f"no such bench: {', '.join(unknown)}; there are {', '.join(programs)}")
    env = dict(os.environ, VCR_RELEASE=str(build), VCR_WEB_DIR=str(ROOT / "web" / "dist"))
    here, rows, broken = machine(), [], []
    for name in args.names or [n for n in programs if n != SOAK]:
        found, good = run(name, programs[name], env)
        rows += found
        if not good:
            broken.append(name)
    missed = sum(verdict(row)[1] == "MISSED" for row in rows)
    print(f"\n{here}\n\n{table(rows)}\n\n{len(rows)} rows, {missed} missed, {len(broken)} benches broken")
    if broken:
        sys.exit("ended badly: " + ", ".join(broken))
    if args.hold and missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
