"""rows_bars.py - rows of the table: noise bars of search and still, and the mosaic of source fields between them."""
import numpy

import measure_bars
import patterns
from clip import fields
from reading import Reading, around, at_least, at_most, exactly, row
from standard import NTSC, PAL


def search(bench, standard, speed, make, frames, **options):
    """Field lines of a search at speed (0: still, 1: play) over a pattern, long enough for it."""
    source = bench.source(make.__name__, standard, lambda: make(standard, 40 if bench.quick else 110))
    mode = "still" if speed == 0 else "play" if speed == 1 else "slow" if 0 < speed < 1 else "cue" if speed > 0 else "review"
    said = {"mode": mode, "speed": speed if mode in ("cue", "review", "slow") else None, "frames": frames}
    return fields(bench.play(source, standard, {}, **{**said, **options}).y)


def moved_period(bench, standard, speed, nominal):
    """The distance of bars from two searches, one of them with the tracking turned away so far that the bar leaves by one edge and the next comes in by the other."""
    seen = [measure_bars.line_noise(search(bench, standard, speed, patterns.flat, 24, tracking=at))[0::1 if speed % 2 else 2].mean(axis=0) for at in (None, 6)]
    return measure_bars.moved_period(*seen, nominal)


@row("bars")
def bars(bench):
    """Noise bars from geometry: period L * 2 / |n - 1| lines, even to a line, standing for odd n, jumping half a period for even n"""
    frames = 6
    for standard in (NTSC, PAL):
        speeds = [n for n in range(-9, 10) if n not in (0, 1, 2)]
        if bench.quick:
            speeds = (5, 4) if standard is NTSC else (-3, 4)
        lines = standard.height // 2
        still = measure_bars.line_noise(search(bench, standard, 1, patterns.flat, frames))
        for n in speeds:
            noise = measure_bars.line_noise(search(bench, standard, n, patterns.flat, frames))
            low, high = measure_bars.period_range(standard, n)
            nominal = (low + high) / 2
            slack = 1 if nominal < lines / 2 else 0.02 * nominal  # with fewer than two bars in the picture their distance is read less well
            period, phases = measure_bars.fit_period(noise, nominal)
            next_speed = n + 1 if n > 0 else n - 1
            wrong = measure_bars.line_noise(search(bench, standard, next_speed, patterns.flat, frames))
            wrong_period = measure_bars.fit_period(wrong, nominal)[0]
            if nominal > lines:  # one bar, of which a fit of a period sees no second: turned away by the tracking two are seen
                period, wrong_period = (moved_period(bench, standard, speed, nominal) for speed in (n, next_speed))
            yield Reading(f"{standard.name}, n={n}: period", "lines", low - slack, high + slack, period, wrong_period, "the next speed")
            seen = numpy.array([measure_bars.bars_seen(f, nominal) for f in noise])
            yield Reading(f"{standard.name}, n={n}: bars seen in a field", "", max(1, int(lines / high)), int(numpy.ceil(lines / low)) + 1, float(seen.mean()),
                          float(numpy.mean([measure_bars.bars_seen(f, nominal) for f in still])), "play")
            move, constancy = measure_bars.advance(phases)
            want = 0.0 if n % 2 else 0.5
            off = (move - want + 0.5) % 1 - 0.5
            other = (measure_bars.advance(measure_bars.fit_period(wrong, measure_bars_nominal(standard, n + 1 if n > 0 else n - 1))[1])[0] - want + 0.5) % 1 - 0.5
            yield Reading(f"{standard.name}, n={n}: movement a field beside {want} periods", "", **around(0, 0.05), measured=off if constancy > 0.8 else 0.5,
                          control=other, control_how="the next speed")
            mean = noise.mean(axis=0) if n % 2 else noise[0::2].mean(axis=0)
            centres = measure_bars.bar_centres(mean, nominal)
            if len(centres) >= 3:
                moved = centres + numpy.arange(len(centres)) % 2 * 4
                yield Reading(f"{standard.name}, n={n}: largest distance from an even ladder", "lines", **at_most(1), measured=measure_bars.evenness(centres),
                              control=measure_bars.evenness(moved), control_how="every second bar moved by 4 lines")


def measure_bars_nominal(standard, n):
    """Middle of the range of periods at a speed."""
    return sum(measure_bars.period_range(standard, n)) / 2


@row("bars.roll", quick=False)
def bars_roll(bench):
    """At a speed that is no whole number the bars roll by its fraction"""
    for standard in (NTSC, PAL):
        for n in (3.4, 5.2):
            noise = measure_bars.line_noise(search(bench, standard, n, patterns.flat, 10))
            move = measure_bars.advance(measure_bars.fit_period(noise, measure_bars_nominal(standard, n))[1])[0]
            want = (n - 1) / 2 % 1
            off = min(abs((move - w + 0.5) % 1 - 0.5) for w in (want, -want))
            yield Reading(f"{standard.name}, n={n}: movement a field beside {want:.2f} periods", "", **at_most(0.05), measured=off,
                          control=min(want, 1 - want), control_how="standing bars")


@row("bars.still")
def bars_still(bench):
    """Still shows at most half a bar, parked at an edge; play shows none"""
    for standard in (NTSC, PAL):
        middle = lambda noise: float(noise[:, noise.shape[1] // 4:3 * noise.shape[1] // 4].mean())
        noise = measure_bars.line_noise(search(bench, standard, 0, patterns.flat, 4))
        cue = measure_bars.line_noise(search(bench, standard, 5, patterns.flat, 4))
        yield Reading(f"{standard.name}, still: noise in the middle half", "codes", **at_most(1), measured=middle(noise), control=middle(cue), control_how="cue 5")
        play = measure_bars.line_noise(search(bench, standard, 1, patterns.flat, 4))
        yield Reading(f"{standard.name}, play: noisiest line", "codes", **at_most(0.5), measured=float(play.max()), control=float(cue.max()), control_how="cue 5")


@row("bars.habits")
def bars_habits(bench):
    """What was a matter of the deck: four heads stand still without a bar, some decks blank a search of LP"""
    for standard in (NTSC, PAL):
        grey = bench.source("grey", standard, lambda: patterns.flat(standard, 40))
        lowest = lambda pair: float(fields(bench.play(grey, standard, {"still.pair": pair, "headswitch": "off"}, profile="family", mode="still", frames=2).y)[:, -16:].astype(float).std())
        yield Reading(f"{standard.name}, still.pair=on: noise of the lowest lines", "codes", 0.5, 15, lowest("on"), lowest("off"), "two heads", estimated=True)
        dark = lambda **o: float((bench.play(grey, standard, {"search.lp_blank": "on"}, profile="family", mode="cue", speed=5, frames=2, **o).y == 16).mean())
        yield Reading(f"{standard.name}, search.lp_blank=on, LP: share of the picture that is black", "", **exactly(1), measured=dark(tape_speed="lp"), control=dark(tape_speed="sp"),
                      control_how="SP")


@row("bars.mosaic")
def bars_mosaic(bench):
    """Each band between bars comes from the next track of its head: two fields on (cue) or back (review)"""
    for standard in (NTSC, PAL):
        for n, way in ((5, 2), (-5, -2)) if bench.quick else ((3, 2), (5, 2), (9, 2), (-3, -2), (-5, -2), (-9, -2)):
            shown = search(bench, standard, n, patterns.field_counter, 6)
            noise = measure_bars.line_noise(shown)
            steps = sum((measure_bars.source_steps(f, e < 1) for f, e in zip(shown, noise)), [])
            share = lambda s: float(numpy.mean([x == way for x in s])) if s else 0.0
            play = search(bench, standard, 1, patterns.field_counter, 6)
            plain = sum((measure_bars.source_steps(f, numpy.ones(len(f), bool)) for f in play), [])
            yield Reading(f"{standard.name}, n={n}: share of steps between bands that are {way:+d} fields", "", **at_least(0.9), measured=share(steps),
                          control=share(plain), control_how="play")
            top = [next((x for x in levels_down(f, e)), None) for f, e in zip(shown, noise)]
            moved = [(b - a - n + 22) % 44 - 22 for a, b in zip(top, top[1:]) if a is not None and b is not None]
            yield Reading(f"{standard.name}, n={n}: fields that the first band moves on beside n (median)", "", **exactly(0), measured=float(numpy.median(moved)) if moved else 99.0,
                          control=float((1 - n + 22) % 44 - 22), control_how="play")


def levels_down(field, noise):
    """Source fields (modulo 44) of the quiet lines, from the top."""
    for line in numpy.flatnonzero(noise < 1):
        yield int(round((float(numpy.median(field[line])) - 40) / 4))
