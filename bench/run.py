#!/usr/bin/env python3
"""run.py - ./dev bench: runs the benches of bench/ and prints their rows, each with what must hold and its baseline in the same run."""
import argparse
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("names", nargs="*", help="only these: the name of bench_<name> or system")
    args = parser.parse_args()
    programs = {p.name.removeprefix("bench_"): [str(p)] for p in sorted((ROOT / args.build / "bench").glob("bench_*")) if os.access(p, os.X_OK) and p.is_file()}
    programs["system"] = ["node", str(ROOT / "bench" / "system.mjs")]
    env = dict(os.environ, VCR_RELEASE=str(ROOT / args.build), VCR_WEB_DIR=str(ROOT / "web" / "dist"))
    unknown = [n for n in args.names if n not in programs]
    if unknown:
        sys.exit(f"no such bench: {', '.join(unknown)}; there are {', '.join(programs)}")
    failed = []
    for name in args.names or programs:
        print(f"== {name}", flush=True)
        if subprocess.run(programs[name], cwd=ROOT, env=env, stdin=subprocess.DEVNULL).returncode != 0:
            failed.append(name)
    if failed:
        sys.exit("ended badly: " + ", ".join(failed))


if __name__ == "__main__":
    main()
