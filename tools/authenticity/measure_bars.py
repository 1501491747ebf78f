"""measure_bars.py - noise bars of search and still: their period, number, place and movement, and which source fields lie between them."""
import numpy

from patterns import COUNTER_LEVELS, counter_level

SPAN = 1.51  # lines by which neighbouring tracks are displaced, SP


def line_noise(plane_fields, margin=20):
    """How much each line deviates from flat: [field, line], robustly, each line's own median taken out."""
    part = plane_fields[:, :, margin:-margin].astype(float)
    return numpy.abs(part - numpy.median(part, axis=2, keepdims=True)).mean(axis=2)


def period_range(standard, speed, span=SPAN):
    """The shortest and the longest period, in lines, that geometry allows at a speed: L * 2 / |n - 1|."""
    crosses = abs(speed - 1)
    return standard.height / 2 * 2 / crosses, (standard.field_lines + span * crosses) * 2 / crosses


def fit_period(noise, nominal, harmonics=3):
    """The period in lines, between 0.7 and 1.45 of nominal, that explains the noise of each field best; and the phase of its first harmonic, [field], in turns
    at line 0."""
    level = noise - noise.mean(axis=1, keepdims=True)
    best = None
    lines = numpy.arange(noise.shape[1])
    for period in numpy.arange(0.7 * nominal, 1.45 * nominal, max(0.1, nominal / 400)):
        turn = 2 * numpy.pi * lines / period
        basis = [numpy.ones(len(lines))]
        for k in range(1, harmonics + 1):
            basis += [numpy.cos(k * turn), -numpy.sin(k * turn)]
        basis = numpy.stack(basis, axis=1)
        solved, *_ = numpy.linalg.lstsq(basis, level.T, rcond=None)
        left = ((level.T - basis @ solved) ** 2).sum()
        if best is None or left < best[0]:
            best = left, float(period), numpy.angle(solved[1] + 1j * solved[2]) / (2 * numpy.pi)
    return best[1], best[2]


def moved_period(noise, moved, nominal):
    """The distance of bars of which only one at a time is whole in the picture, in lines: noise[line] shows that one amid quiet lines, moved[line] the same bars
    moved until two are seen, each cut by an edge. What the first has is looked for at both ends of the second, at every distance between 0.7 and 1.45 of nominal."""
    lines = numpy.arange(len(noise))
    quiet = numpy.percentile(noise, 10)
    one, two = noise - quiet, moved - numpy.percentile(moved, 10)
    if one.max() < 1:
        return float("nan")  # there is none
    reach = numpy.flatnonzero(one > 0.1 * one.max())
    one = numpy.where((lines >= reach[0] - 8) & (lines <= reach[-1] + 8), one, 0)  # of the bar alone, what is neither quiet nor another's edge
    away = lambda by: numpy.interp(lines - by, lines, one, left=0, right=0)
    best = None
    for period in numpy.arange(0.7 * nominal, 1.45 * nominal, 1.0):
        for down in numpy.arange(0, period, 1.0):  # by how much the bar went down; the one above it came in
            made = away(down) + away(down - period)
            scale = (made * two).sum() / max((made ** 2).sum(), 1e-9)
            left = ((two - scale * made) ** 2).sum()
            if best is None or left < best[0]:
                best = left, float(period)
    return best[1]


def advance(phases):
    """By how much of a period the bars move down from one field to the next, 0 to 1, and how constant that is (1: quite)."""
    step = numpy.exp(-2j * numpy.pi * numpy.diff(phases)).mean()
    return float(numpy.angle(step) / (2 * numpy.pi) % 1), float(abs(step))


def bar_runs(line, period, level=0.35):
    """[(first line, line after the last)] of the bars of one field's noise, and the smoothed noise. A bar is ragged: what is nearer than a sixth of the period is one."""
    width = max(3, int(period / 6) | 1)
    smooth = numpy.convolve(numpy.pad(line, width // 2, mode="edge"), numpy.ones(width) / width, mode="valid")
    base, top = numpy.percentile(smooth, 10), smooth.max()
    if top - base < 1:
        return [], smooth
    inside = (smooth > base + level * (top - base)).astype(int)
    edges = numpy.flatnonzero(numpy.diff(numpy.concatenate([[0], inside, [0]])))
    return list(zip(edges[::2], edges[1::2])), smooth


def bar_centres(line, period):
    """Centres (by weight) of the bars of one field's noise; bars that the picture's edge cuts are left out."""
    runs, smooth = bar_runs(line, period)
    centres = []
    for a, b in runs:
        if a > 0 and b < len(line):
            weight = smooth[a:b] - smooth.min()
            centres.append((weight * numpy.arange(a, b)).sum() / weight.sum())
    return numpy.array(centres)


def bars_seen(line, period):
    """Number of bars in one field, with those that the edge cuts."""
    return len(bar_runs(line, period)[0])


def evenness(centres):
    """The largest distance in lines of a bar from where an even ladder has it; 0 for fewer than three."""
    if len(centres) < 3:
        return 0.0
    k = numpy.arange(len(centres))
    return float(numpy.abs(centres - numpy.polyval(numpy.polyfit(k, centres, 1), k)).max())


def source_steps(plane_field, quiet):
    """Of one output field over patterns.field_counter: by how many fields (modulo 44, signed) the source steps from each band between bars to the next.
    quiet: [line] whether a line is free of noise."""
    seen = []
    for line in numpy.flatnonzero(quiet):
        level = numpy.median(plane_field[line])
        field = int(numpy.argmin(numpy.abs(counter_level(numpy.arange(COUNTER_LEVELS)) - level)))
        if not seen or seen[-1] != field:
            seen.append(field)
    steps = (numpy.diff(seen) + COUNTER_LEVELS // 2) % COUNTER_LEVELS - COUNTER_LEVELS // 2
    return [int(s) for s in steps]
