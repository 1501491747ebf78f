"""test_rows.py - the quick rows of the acceptance table, measured on the vcr that was built; prints TAP. Arguments: words that a row's name must contain."""
import sys

import known
import measure
from bench import Bench, find_vcr
from reading import number

PASSING = set()  # rows of which something is named as known and passes


def say(number_of, row, one):
    """The TAP line of a reading."""
    figures = f"{number(one.measured)} {one.unit} ({one.specified}; {one.control_how}: {number(one.control)})"
    why = known.reason(row.name, one.what)
    state = "ok" if one.ok or why else "not ok"
    tail = f" # SKIP known: {why}; measured {figures}" if why and not one.ok else f": {figures}"
    print(f"{state} {number_of} - {row.name}: {one.what}{tail}", flush=True)
    if why and one.ok:
        PASSING.add(row.name)
    return state == "ok"


def main(words):
    vcr = find_vcr()
    if not vcr:
        print("1..1\nok 1 - rows # SKIP vcr is not built (./dev build, or VCR=path)")
        return 0
    bench, count, good = Bench(vcr, True), 0, True
    try:
        for row in measure.wanted(words, True):
            got, trouble, seconds = measure.readings(bench, row)
            for one in got:
                count += 1
                good &= say(count, row, one)
            if trouble:
                count += 1
                why = known.reason(row.name, "trouble")
                good &= bool(why)
                print(f"{'ok' if why else 'not ok'} {count} - {row.name}" + (f" # SKIP known: {why}; {trouble}" if why else f": {trouble}"))
            print(f"# {row.name}: {seconds:.1f} s", flush=True)
    finally:
        bench.close()
    for name in sorted(PASSING):
        print(f"# {name}: what known.py names here passes, at least in part: take it out of there")
    print(f"1..{count}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
