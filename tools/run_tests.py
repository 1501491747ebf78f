#!/usr/bin/env python3
"""run_tests.py - runs every test program (meson's list of a build folder, then the page's and the end-to-end tests under node) and counts their TAP lines.

Closes with `N passed, N failed, N skipped`, the reason of every skip before it. Exit status 0 only when nothing failed and something passed."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TAP = re.compile(r"^\s*(not ok|ok)\b\s*(\d*)\s*-?\s*(.*)$")

# End-to-end tests that measure pictures a second or delays, and those that want the whole machine: nothing runs beside them. Each of the others has a server of its own on free
# ports and a folder of its own, and waits for what it wants to see; that is mostly a tape that runs in real time, so they go two at once.
ALONE = {"crowd", "day", "live_hls", "soak", "storm", "wide"}
# Those that take a minute or more, the longest first.
LONG = ["timeline", "vhs", "dub", "dubcmd", "deck_page", "record", "page", "jobs", "players", "disk", "import", "people", "replay", "rights"]


def reason_of(lines, at):
    """What a failed line of node's reporter says of itself, in its block below: the error's first words."""
    for i, line in enumerate(lines[at + 1:at + 40]):
        if TAP.match(line) or line.strip() == "...":
            return ""
        found = re.match(r"\s*error: (.*)$", line)
        if found:
            text = found.group(1).strip("'\"")
            if text in ("|-", ">-", "|"):
                text = " ".join(l.strip() for l in lines[at + i + 2:at + i + 8]).split(" code: ")[0]
            return text[:300]
    return ""


class Totals:
    def __init__(self):
        self.passed = self.failed = 0
        self.skips = []
        self.failures = []


def run_one(name, command, env, timeout, folder):
    """Runs one program in a process group of its own, so that nothing it started outlives it."""
    full_env = dict(os.environ, **env)
    started = time.monotonic()
    with subprocess.Popen(command, cwd=folder, env=full_env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", start_new_session=True) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
            status = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            status = f"no end within {timeout} s"
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    return name, output, status, time.monotonic() - started


def count(totals, name, output, status, took):
    """Adds a program's TAP lines; a program that ends badly without a failed line is one failure of its own."""
    passed = failed = 0
    reason = ""
    lines = output.splitlines()
    for at, line in enumerate(lines):
        told = re.search(r"# reason: (.*)$", line)  # of the skip that comes: cmocka has no room for it
        reason = told.group(1) if told else reason
        found = TAP.match(line)
        if not found or line.startswith("# "):
            continue
        what = found.group(3)
        skip = re.search(r"#\s*SKIP\b\s*(.*)$", what, re.I)
        if "# Subtest" in line:
            continue
        if skip:
            totals.skips.append(f"{name}: {what}" + (f": {reason}" if reason else ""))
            reason = ""
        elif found.group(1) == "ok":
            passed += 1
        else:
            failed += 1
            why = reason_of(lines, at)
            totals.failures.append(f"{name}: {what}" + (f": {why}" if why else ""))
    if status != 0 and failed == 0:
        failed += 1
        totals.failures.append(f"{name}: ended with {status}")
    if status == 0 and passed + failed == 0 and not any(s.startswith(name + ":") for s in totals.skips):
        failed += 1
        totals.failures.append(f"{name}: ran no test")
    totals.passed += passed
    totals.failed += failed
    print(f"{'FAIL' if failed else 'ok  '} {name}: {passed} passed, {failed} failed ({took:.1f} s)", flush=True)
    if failed:
        print("\n".join("    " + line for line in lines[-120:]), flush=True)


def shared_env(args):
    env = {"VCR_LONG": "1"} if args.long else {}
    return env | ({"VCR_RELEASE": str(ROOT / args.release)} if args.release else {})


def c_tests(args):
    build, suite = args.build, args.suite
    listing = subprocess.run(["meson", "introspect", "--tests", build], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for test in sorted(json.loads(listing), key=lambda t: -t["priority"]):  # the long ones first: none is left to end alone
        if suite and not any(s.split(":")[-1] == suite for s in test["suite"]):
            continue
        yield test["name"], test["cmd"], test["env"] | shared_env(args), test["timeout"] * (10 if args.long else 1), ROOT / build


def node_tests(args):
    place = {name: i for i, name in enumerate(LONG)}
    for path in sorted((ROOT / "tests" / "e2e").glob("*.test.mjs"), key=lambda p: (place.get(p.name.removesuffix(".test.mjs"), len(LONG)), p.name)):
        env = {"VCR_BUILD": str(ROOT / args.build), "VCR_RELEASE": str(ROOT / args.release), "VCR_LONG": "1" if args.long else ""}
        yield "e2e/" + path.name.removesuffix(".test.mjs"), ["node", "--test", "--test-reporter=tap", str(path)], env, 1800 if args.long else 900, ROOT


def run_all(totals, tests, at_once):
    with concurrent.futures.ThreadPoolExecutor(max_workers=at_once) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_one, *t) for t in tests]):
            count(totals, *done.result())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--release", default=None)
    parser.add_argument("--suite", default=None)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("names", nargs="*", help="only the tests whose name contains one of these")
    args = parser.parse_args()
    os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    os.environ.setdefault("TSAN_OPTIONS", "halt_on_error=1:second_deadlock_stack=1:ignore_noninstrumented_modules=1:suppressions=" + str(ROOT / "tools" / "tsan.supp"))
    wanted = lambda t: not args.names or any(n in t[0] for n in args.names)
    totals = Totals()
    run_all(totals, filter(wanted, c_tests(args)), min(4, os.cpu_count() or 1))
    if args.release:
        seen = [t for t in node_tests(args) if wanted(t)]
        alone = lambda t: t[0].removeprefix("e2e/") in ALONE
        run_all(totals, (t for t in seen if not alone(t)), 2)
        run_all(totals, filter(alone, seen), 1)
    for skip in totals.skips:
        print("skipped: " + skip)
    for failure in totals.failures:
        print("failed: " + failure)
    print(f"{totals.passed} passed, {totals.failed} failed, {len(totals.skips)} skipped")
    return 1 if totals.failed or not totals.passed else 0


if __name__ == "__main__":
    sys.exit(main())
