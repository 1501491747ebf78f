"""rows_damage.py - rows of the table: dropouts, compensator, wear, and that damage stays where it is on the tape."""
import numpy

import measure_bars
import measure_damage
import patterns
from clip import fields
from reading import Reading, at_least, at_most, exactly, row
from standard import NTSC, PAL, frame_hz


def damage(bench, standard, settings, frames, **options):
    """Dropouts found in grey, as a list, and the rendered fields."""
    source = bench.source(f"grey{frames}", standard, lambda: patterns.flat(standard, frames))
    shown = fields(bench.play(source, standard, settings, **options).y)
    return measure_damage.find(shown, numpy.full((1,) + shown.shape[1:], 126, numpy.uint8), least_us=1), shown


def counted(found, width, least_us=14):
    """Those of 15 us and more; one that the picture's edge cuts may look shorter."""
    least = least_us * 13.5
    return [d for d in found if d[3] >= least or d[2] <= 2 or d[2] + d[3] >= width - 2]


@row("dropout.rate")
def dropout_rate(bench):
    """Dropouts of 15 us and more: the rate within what 40 tapes let a right one be off once in 1000 times (to either side), and their lengths are one distribution"""
    rounds = 40
    for standard in (NTSC, PAL):
        for rate, frames in ((1500, 12),) if bench.quick else ((60, 300), (600, 60)):
            share = frames / frame_hz(standard) / 60
            def found(per_minute):
                return [counted(damage(bench, standard, {"dropout.per_minute": per_minute}, frames, seed=s)[0], 720) for s in range(rounds)]
            right, half = found(rate), found(rate / 2)
            lengths = [[d[3] for d in f if 2 < d[2] and d[2] + d[3] < 718] for f in right]
            every = sum(lengths, [])
            mean_us = float(numpy.mean(every)) / 13.5 if every else 30
            expected = rate * share * measure_damage.visible_share(standard, mean_us)
            far = lambda f: measure_damage.sigmas_of_rounds([len(d) for d in f], expected)
            yield Reading(f"{standard.name}, dropout.per_minute={rate}: {sum(map(len, right))} seen, {rounds * expected:.0f} expected", "σ", **at_most(measure_damage.T_OF_A_THOUSAND),
                          measured=far(right), control=far(half), control_how="half the rate")
        halves = every[0::2], every[1::2]
        distance = lambda scale: measure_damage.ks_distance(halves[0], [scale * x for x in halves[1]]) / measure_damage.ks_limit(len(halves[0]), len(halves[1])) if all(halves) else 9.0
        yield Reading(f"{standard.name}: distance of two samples of lengths over its 1 % limit (KS)", "", **at_most(1), measured=distance(1),
                      control=distance(2), control_how="one twice as long")


@row("dropout.compensator")
def dropout_compensator(bench):
    """A compensated dropout is the previous line of the same field, exactly"""
    for standard in (NTSC, PAL):
        made = patterns.texture(standard, 40)
        source = bench.source("texture", standard, lambda: made)
        clean = fields(made.y)
        share = {}
        for way in ("on", "off"):
            shown = fields(bench.play(source, standard, {"dropout.per_minute": 600, "dropout.compensator": way}).y)
            found = measure_damage.find(shown, clean, threshold=0, least_us=1)
            same, total = measure_damage.compensated(shown, clean, found)
            share[way] = same / total if total > 1000 else 0.0
        yield Reading(f"{standard.name}: share of damaged samples that are the line before's", "", **exactly(1), measured=share["on"], control=share["off"], control_how="off")


@row("dropout.place")
def dropout_place(bench):
    """Rewind identity: the same damage at the same place of the tape, played again, from another start, and in review"""
    sets = {"dropout.per_minute": 1500}
    for standard in (NTSC, PAL):
        frames, skip = 60, 20
        found, shown = damage(bench, standard, sets, frames, seed=5)
        again = damage(bench, standard, sets, frames, seed=5, **{"pass": 3})[1]
        other = damage(bench, standard, sets, frames, seed=6)[1]
        differ = lambda a, b: int((a != b).sum())
        yield Reading(f"{standard.name}: bytes that differ when played again", "", **exactly(0), measured=differ(shown, again), control=differ(shown, other), control_how="another tape")
        later = damage(bench, standard, sets, frames - skip, seed=5, tape_at=f"{skip / frame_hz(standard):.6f}")[1]
        yield Reading(f"{standard.name}: bytes that differ when started later", "", **exactly(0), measured=differ(shown[2 * skip:], later),
                      control=differ(shown[:len(later)], later), control_how="another place")
        reviewed = fields(bench.play(bench.source(f"grey{frames}", standard, None), standard, sets, seed=5, mode="review", speed=-1).y)
        quiet = numpy.percentile(measure_bars.line_noise(reviewed), 90, axis=0) < 0.3  # its bars stand: these lines have none
        quiet = numpy.convolve(quiet, numpy.ones(15), mode="same") > 14.5  # and have none near by
        reviewed = numpy.where(quiet[:, None], reviewed, numpy.uint8(126))
        back = measure_damage.find(reviewed, numpy.full((1,) + reviewed.shape[1:], 126, numpy.uint8), least_us=1)
        share = lambda played: max(measure_damage.matched(back, played, last) for last in range(2 * frames - 4, 2 * frames + 2))
        other = damage(bench, standard, sets, frames, seed=6)[0]
        yield Reading(f"{standard.name}: share of a review's {len(back)} dropouts that play shows at the same place", "", **at_least(0.8), measured=share(found),
                      control=share(other), control_how="another tape", estimated=True)


@row("dropout.wear")
def dropout_wear(bench):
    """Wear adds and never takes away"""
    sets = {"dropout.per_minute": 300}
    for standard in (NTSC, PAL):
        new = measure_damage.places(damage(bench, standard, sets, 60, seed=5, wear=0)[0])
        worn = measure_damage.places(damage(bench, standard, sets, 60, seed=5, wear=1)[0])
        other = measure_damage.places(damage(bench, standard, sets, 60, seed=6, wear=1)[0])
        kept = lambda later: len(new & later) / max(len(new), 1)
        yield Reading(f"{standard.name}: share of old dropouts still there", "", **at_least(0.97), measured=kept(worn), control=kept(other), control_how="another tape")
        yield Reading(f"{standard.name}: dropouts when worn over when new", "", 1.05, 40, len(worn) / max(len(new), 1), 1.0, "no wear", estimated=True)
