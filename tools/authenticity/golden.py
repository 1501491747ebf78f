"""golden.py - one digest of the pictures for each profile, standard, tape speed and mode, from the best and from the plainest code, against those on record.

A row of the table; `report.py --record` puts the present digests on record (golden.json) when the look was changed on purpose."""
import hashlib
import json
import pathlib

import numpy

import patterns
from clip import Clip
from reading import Reading, exactly, row
from standard import NTSC, PAL

RECORD = pathlib.Path(__file__).with_name("golden.json")
MODES = {"play": {}, "cue5": {"mode": "cue", "speed": 5}, "review3": {"mode": "review", "speed": -3}, "still": {"mode": "still"}, "slow": {"mode": "slow", "speed": 0.2}}
made_now = {}


def subject(standard):
    """Bars above, texture below, another every frame."""
    clip = patterns.bars(standard, 16)
    noise = numpy.random.default_rng(1).integers(16, 235, (16, standard.height // 4, standard.width), dtype=numpy.uint8)
    clip.y[:, standard.height // 2:3 * standard.height // 4] = noise
    return Clip(standard, clip.y, clip.u, clip.v)


def digests(bench, standard, isa):
    """name -> the digest's first 16 digits."""
    source = bench.source("golden", standard, lambda: subject(standard))
    answer = {}
    for profile in bench.profiles():
        for speed in ("sp", "lp", "ep") if standard is NTSC else ("sp", "lp"):
            for name, mode in MODES.items():
                said = {"profile": profile, "tape_speed": speed, "frames": 2, "seed": 3, "isa": isa, **mode}
                answer[f"{profile} {standard.name} {speed} {name}"] = bench.digest(source, standard, **said)[:16]
    return answer


def record(bench):
    """Puts what is made now on record; how many."""
    made = {**digests(bench, NTSC, None), **digests(bench, PAL, None)}
    RECORD.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
    return len(made)


def table():
    """What was made in this run, as Markdown: for each profile and standard one digest of its own; empty when the row was not measured."""
    if not made_now:
        return ""
    lines = ["\n## Golden digests", "SHA-256 of the digests of all tape speeds and modes together, in the order of `tools/authenticity/golden.json`, which has them one by one.", "",
             "| profile | NTSC | PAL |", "|---|---|---|"]
    together = lambda start: hashlib.sha256("".join(made_now[k] for k in sorted(made_now) if k.startswith(start)).encode()).hexdigest()[:16]
    for profile in dict.fromkeys(k.split()[0] for k in made_now):
        lines.append(f"| {profile} | {together(profile + ' ntsc ')} | {together(profile + ' pal ')} |")
    return "\n".join(lines) + "\n"


@row("golden", quick=False)
def golden(bench):
    """Golden digests: every profile, standard, tape speed and mode gives the same bytes from scalar code as from vectors, and those on record"""
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for standard in (NTSC, PAL):
        best, plain = digests(bench, standard, None), digests(bench, standard, "scalar")
        made_now.update(best)
        differ = lambda a, b: float(sum(a[k] != b.get(k) for k in a))
        shifted = dict(zip(best, list(best.values())[1:] + list(best.values())[:1]))
        yield Reading(f"{standard.name}: of {len(best)} pictures, other bytes from scalar code", "", **exactly(0), measured=differ(best, plain), control=differ(best, shifted), control_how="the next picture's digest")
        yield Reading(f"{standard.name}: of {len(best)} pictures, other bytes than on record", "", **exactly(0), measured=differ(best, known), control=differ(best, shifted), control_how="the next picture's digest")
