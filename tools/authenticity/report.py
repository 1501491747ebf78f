"""report.py - measures everything and writes docs/authenticity.md with its plots and frames.

usage: report.py [--only WORD] [--no-frames] [--quick] [--record] [--jobs N] [--out FOLDER]     (VCR=path: the program, otherwise build/vcr)"""
import argparse
import concurrent.futures
import datetime
import os
import pathlib
import sys

import golden
import known
import measure
from bench import ROOT, Bench, find_vcr
from reading import number

SEEN = pathlib.Path(__file__).with_name("seen.md")  # written by people who looked at the frames
HEAD = """# How authentic the tape is: specified against measured

Written by `./dev authenticity` on {date}; do not edit by hand. Everything here is measured from outside: test patterns go through `vcr dub` as a file and its output
is read back (`tools/authenticity/`). The measures themselves are tested on patterns distorted with numpy, whose truth is known (`test_truth.py`). A reading passes when it
lies within what is specified **and** its negative control, the same measure with the effect off or wrong, does not. Figures marked *est.* are estimates without a source.
Definitions: weighted noise is that of ITU-R Rec. 567 to 5 MHz, flutter IEC 386 weighted rms, jitter the rms difference of neighbouring lines; 8-bit rounding is taken out
of noise. The quick rows run in `./dev test` (`authenticity_rows`); what is known not to pass is listed in `tools/authenticity/known.py` and here.

**{passed} of {total} readings pass{depth}.**
"""
CREDIT = """
## Frames
Left clean, right the tape, NTSC in 4:3 unless said. Photographs: Joao Eriberto Mota Filho, CC-BY-SA-4.0 (Debian's forensics-samples-files); these pictures are under the same licence.
"""


def table(row, got, trouble, seconds):
    """One row of the acceptance table as Markdown."""
    lines = [f"\n### {row.name}", row.title, ""]
    if got:
        lines += ["| reading | specified | measured | negative control | |", "|---|---|---|---|---|"]
    for r in got:
        unit = f" {r.unit}" if r.unit else ""
        lines.append(f"| {r.what} | {r.specified}{unit}{' *est.*' if r.estimated else ''} | {number(r.measured)} | {number(r.control)} ({r.control_how}) | {'pass' if r.ok else '**FAIL**'} |")
    if trouble:
        lines.append(f"\n**Could not be measured to the end:** {trouble}")
    return "\n".join(lines) + "\n"


def failing(results):
    """What does not pass, first in the report."""
    lines = ["\n## What does not pass"]
    for row, got, trouble, _ in results:
        for r in got:
            if not r.ok:
                why = known.reason(row.name, r.what) or "not explained yet"
                note = "" if not r.passes(r.measured) else " (the negative control passes, so the reading proves nothing)"
                lines.append(f"- `{row.name}` {r.what}: {number(r.measured)} {r.unit}, specified {r.specified}{note}: {why}")
        if trouble:
            lines.append(f"- `{row.name}`: {trouble}")
    return "\n".join(lines if len(lines) > 1 else lines + ["Nothing."]) + "\n"


def pictures(done, where):
    """Links to what was drawn, and what could not be."""
    lines = []
    for file, text, trouble in done:
        lines.append(f"\n{text}\n\n![{text}]({where}/{file})" if file else f"\n{text}: **could not be made**: {trouble}")
    return "\n".join(lines) + "\n"


def measured(vcr, quick, name):
    """One row, in a process of its own: what was read, what went wrong, how long it took, and the golden digests that were made."""
    bench = Bench(vcr, quick)
    try:
        row, = (r for r in measure.wanted([], False) if r.name == name)
        return (*measure.readings(bench, row), dict(golden.made_now))
    finally:
        bench.close()


ALONE = "speed"  # nothing else runs beside it


def measure_all(vcr, quick, rows, jobs):
    """[(row, readings, trouble, seconds)] in the order of rows, so many at a time."""
    results = {}

    def keep(row, answer):
        got, trouble, seconds, made = answer
        golden.made_now.update(made)
        results[row.name] = row, got, trouble, seconds
        print(f"{row.name}: {sum(r.ok for r in got)} of {len(got)}{' TROUBLE ' + trouble if trouble else ''} ({seconds:.0f} s)", flush=True)

    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        waiting = {pool.submit(measured, vcr, quick, r.name): r for r in rows if r.name != ALONE}
        for done in concurrent.futures.as_completed(waiting):
            keep(waiting[done], done.result())
    for row in rows:
        if row.name == ALONE:
            keep(row, measured(vcr, quick, row.name))
    return [results[r.name] for r in rows]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--no-frames", action="store_true", help="keep the plots and frames that are there")
    parser.add_argument("--record", action="store_true", help="does nothing but put the golden digests on record")
    parser.add_argument("--quick", action="store_true", help="fewer fields and values")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="rows measured at a time")
    parser.add_argument("--out", default=str(ROOT / "docs"))
    args = parser.parse_args()
    vcr = find_vcr()
    if not vcr:
        sys.exit("authenticity: vcr is not built (./dev build, or VCR=path)")
    docs = pathlib.Path(args.out)
    bench = Bench(vcr, args.quick)
    if args.record:
        print(f"golden: {golden.record(bench)} digests on record")
        bench.close()
        return
    try:
        rows = [r for r in measure.wanted(args.only, False) if not args.quick or r.name not in ("golden", "speed")]
        results = measure_all(vcr, args.quick, rows, args.jobs)
        import frames  # these need python3-matplotlib and python3-pil
        import plots
        folder = docs / "authenticity"
        if args.no_frames:
            drawn, shot = plots.drawn_before(folder), frames.shot_before(bench, folder)
        else:
            drawn, shot = plots.draw_all(bench, folder), frames.shoot_all(bench, folder)
    finally:
        bench.close()
    readings = [r for _, got, _, _ in results for r in got]
    with open(docs / "authenticity.md", "w", encoding="utf-8") as out:
        out.write(HEAD.format(date=datetime.date.today(), passed=sum(r.ok for r in readings), total=len(readings),
                              depth=" (of a quick run: fewer fields and values than a full one)" if args.quick else ""))
        out.write(failing(results))
        out.write("\n## Rows of the acceptance table\n" + "".join(table(*r) for r in results))
        out.write(golden.table())
        out.write("\n## Curves\n" + pictures(drawn, "authenticity") + CREDIT + pictures(shot, "authenticity"))
        if SEEN.exists():
            out.write("\n" + SEEN.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
