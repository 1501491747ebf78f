"""tap.py - runs the functions named in a list as tests and prints them as TAP, for tools/run_tests.py."""
import sys
import traceback


def run(tests):
    """Exit status 1 when one fails. A test is a function without arguments, named for what it holds true."""
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__name__}", flush=True)
        except Exception:  # what a test raises is its failure
            failed += 1
            print(f"not ok {number} - {test.__name__}")
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), flush=True)
    sys.exit(1 if failed else 0)


def near(value, expected, tolerance, what=""):
    """Asserts that value lies within tolerance of expected (NaN does not)."""
    if not abs(value - expected) <= tolerance:
        raise AssertionError(f"{what} {value:.5g}, expected {expected:.5g} +- {tolerance:.3g}")
