"""measure_damage.py - dropouts found by comparing with the undamaged picture: how many, how long, where, and what a compensator put there."""
import numpy

from standard import LUMA_HZ


def runs(different, gap=12):
    """[(start, length)] of the stretches of a row of booleans, joined over gaps of up to `gap` samples (a streak may pass through the picture's own level)."""
    at = numpy.flatnonzero(different)
    if not len(at):
        return []
    cuts = numpy.flatnonzero(numpy.diff(at) > gap)
    starts, ends = numpy.append(at[0], at[cuts + 1]), numpy.append(at[cuts], at[-1]) + 1
    return [(int(a), int(b - a)) for a, b in zip(starts, ends)]


def find(damaged, clean, threshold=3, least_us=5):
    """Every dropout of least_us or more: (field, line, column, samples). damaged, clean: [field, line, column]. A run that reaches the end of its line goes on at
    the start of the next; it counts once, by its first line."""
    found = []
    least = least_us * 1e-6 * LUMA_HZ
    width = damaged.shape[2]
    for field in range(len(damaged)):
        different = numpy.abs(damaged[field].astype(int) - clean[min(field, len(clean) - 1)]) > threshold
        going_on = False
        for line in numpy.flatnonzero(different.any(axis=1)):
            for start, length in runs(different[line]):
                if start <= 2 and going_on == line:
                    last = found[-1]
                    found[-1] = last[:3] + (last[3] + length,)
                else:
                    found.append((field, int(line), start, length))
                going_on = line + 1 if start + length >= width - 2 else False
    return [d for d in found if d[3] >= least]


def visible_share(standard, mean_us=30):
    """Of dropouts anywhere on one head pass, the share that shows in the raster."""
    samples = mean_us * 1e-6 * LUMA_HZ
    return min(1.0, (standard.width + samples) / standard.line_samples) * (standard.height / 2) / standard.field_lines


T_OF_A_THOUSAND = 3.56  # Student's t of 39 degrees of freedom: one of 1000 is farther off, to either side


def sigmas_of_rounds(counts, expected):
    """How far the mean of the counts of like rounds is from what is expected of one, in standard errors as the rounds themselves show them: a flaw shows on several
    tracks, so that the count of dropouts varies by more than Poisson's. Of 40 rounds of a right rate one in 1000 is off by more than T_OF_A_THOUSAND."""
    error = numpy.std(counts, ddof=1) / numpy.sqrt(len(counts))
    return float(abs(numpy.mean(counts) - expected) / max(error, 1e-3 * expected))


def ks_distance(samples, reference):
    """Largest distance of two samples' cumulative distributions (Kolmogorov-Smirnov)."""
    a, b = numpy.sort(samples), numpy.sort(reference)
    every = numpy.concatenate([a, b])
    below = lambda s: numpy.searchsorted(s, every, side="right") / len(s)
    return float(numpy.abs(below(a) - below(b)).max())


def ks_limit(n, m, c=1.63):
    """What the distance may be by chance (1 %)."""
    return c * numpy.sqrt((n + m) / (n * m))


def compensated(damaged, clean, found):
    """Of the dropouts found, how many samples are exactly the previous line's of the same field, and of how many."""
    same = total = 0
    for field, line, column, length in found:
        part = slice(column, min(column + length, damaged.shape[2]))
        if line == 0:
            continue
        same += int((damaged[field, line, part] == damaged[field, line - 1, part]).sum())
        total += part.stop - part.start
    return same, total


def places(found, first_field=0, step=1):
    """Dropouts as a set of (tape field, line, column), for comparing passes."""
    return {(first_field + step * field, line, column) for field, line, column, _ in found}


def matched(back, played, last, fields=4, samples=60):
    """Share of the dropouts of a review (its field f at tape field last - f, its bands some fields on) that play has on the same line and nearly the same column."""
    where = {}
    for field, line, column, _ in played:
        where.setdefault(line, []).append((field, column))
    hits = [any(abs(last - f - field) <= fields and abs(column - c) <= samples for field, c in where.get(line, [])) for f, line, column, _ in back]
    return float(numpy.mean(hits)) if hits else 0.0
