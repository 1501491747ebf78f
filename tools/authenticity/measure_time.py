"""measure_time.py - where lines start: line jitter, its drum-rate part and spectrum, and the head switch, from vertical edges."""
import numpy

from standard import BLACK, LUMA_HZ, WHITE

US_PER_SAMPLE = 1e6 / LUMA_HZ


def edge_places(plane_fields, reach=150):
    """Column of the edge of every line, [field, line]: by area around the middle, which noise-free lines give to a hundredth of a sample."""
    middle = plane_fields.shape[2] // 2
    light = plane_fields[:, :, middle - reach:middle + reach].sum(axis=2, dtype=numpy.int32)
    return middle + reach - (light - 2 * reach * BLACK) / (WHITE - BLACK) - 0.5


def line_jitter_ns(places):
    """rms difference of neighbouring lines of one field."""
    return float(numpy.sqrt((numpy.diff(places, axis=1) ** 2).mean()) * US_PER_SAMPLE * 1e3)


def slow_part(places, degree=6):
    """What of each field's time base changes slowly: a polynomial over its lines."""
    lines = numpy.linspace(-1, 1, places.shape[1])
    basis = numpy.polynomial.legendre.legvander(lines, degree)
    solved = numpy.linalg.lstsq(basis, places.T, rcond=None)[0]
    return (basis @ solved).T


def drum_series(places, field_lines, parts=6):
    """The part of the time base that repeats with the drum (two fields): [2, line], fitted as harmonics of one turn over all fields."""
    count, lines = places.shape
    field, line = numpy.mgrid[0:count, 0:lines]
    turn = 2 * numpy.pi * ((field % 2) * field_lines + line) / (2 * field_lines)
    basis = [numpy.ones(count * lines)]
    for k in range(1, parts + 1):
        basis += [numpy.cos(k * turn).ravel(), numpy.sin(k * turn).ravel()]
    basis = numpy.stack(basis, axis=1)
    solved = numpy.linalg.lstsq(basis, places.ravel(), rcond=None)[0]
    return (basis @ solved).reshape(count, lines)[:2]


def field_jitter_us(places):
    """Median over the fields of the peak-to-peak of what changes slowly in a field."""
    return float(numpy.median(numpy.ptp(slow_part(places), axis=1)) * US_PER_SAMPLE)


def drum_peak_db(places, field_lines, parts=4):
    """Power of the time base at the strongest of the first harmonics of the drum over that half way between harmonics."""
    count, lines = places.shape
    count -= count % 2
    time = (numpy.arange(count)[:, None] * field_lines + numpy.arange(lines)) / (2 * field_lines)  # turns of the drum
    signal = (places[:count] - places[:count].mean()).ravel()
    power = lambda k: abs((signal * numpy.exp(-2j * numpy.pi * k * time.ravel())).mean()) ** 2
    step = 2 / count  # another bin, so that leakage of the harmonics is zero there
    at = max(power(k) for k in range(1, parts + 1))
    beside = numpy.mean([power(round((k + 0.5) / step) * step) for k in range(parts)])
    return float(10 * numpy.log10(at / max(beside, 1e-12)))


def neighbour_correlation(places):
    """Correlation of neighbouring lines' places, each field's mean taken out."""
    d = places - places.mean(axis=1, keepdims=True)
    return float((d[:, 1:] * d[:, :-1]).mean() / max((d ** 2).mean(), 1e-12))


def first_difference(a, b):
    """The first place, in the order of scanning, where the fields of a and b differ: (line, column), the earliest over all fields; None when none does."""
    different = (a != b).any(axis=0)
    lines = numpy.flatnonzero(different.any(axis=1))
    if not len(lines):
        return None
    return int(lines[0]), int(numpy.flatnonzero(different[lines[0]])[0])


def decay_lines(shifts):
    """Lines in which a displacement falls to 1/e, from the displacements of successive lines; NaN when there is none."""
    size = numpy.abs(numpy.asarray(shifts, float))
    if len(size) < 3 or size.min() < 0.05:
        return float("nan")
    return float(-1 / numpy.polyfit(numpy.arange(len(size)), numpy.log(size), 1)[0])
