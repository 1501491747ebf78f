"""measure_luma.py - luma response, noise and its spectrum, clip and streak, from rendered lines."""
import numpy

from patterns import burst_index
from standard import BLACK, LUMA_HZ, WHITE


def weighting_power(hz):
    """Unified weighting network of ITU-R Rec. 567: power."""
    w, a = 2 * numpy.pi * numpy.asarray(hz, float) * 245e-9, 4.5
    return (1 + (w / a) ** 2) / (1 + ((1 + 1 / a) * w) ** 2)


def fit_sine(rows, turns):
    """Amplitude and phase (of cos(2 pi turns x + phase), x the column) of each row's component at so many turns a sample; the mean may be anything."""
    columns = numpy.arange(rows.shape[-1])
    window = numpy.hanning(len(columns) + 2)[1:-1]
    basis = numpy.stack([numpy.cos(2 * numpy.pi * turns * columns), -numpy.sin(2 * numpy.pi * turns * columns), numpy.ones(len(columns))], axis=1)
    solved = numpy.linalg.lstsq(basis * window[:, None], (rows * window).T, rcond=None)[0]
    value = solved[0] + 1j * solved[1]
    return numpy.abs(value), numpy.angle(value)


def burst_response(plane_fields, hz, sample_hz, amplitude, margin=60):
    """Complex response at each frequency of a multiburst played into plane_fields[field, line, column], relative to what went in (phase 0, amplitude)."""
    which = burst_index(plane_fields.shape[1], len(hz))
    columns = slice(margin, plane_fields.shape[2] - margin)
    answer = []
    for i, f in enumerate(hz):
        lines = numpy.flatnonzero(which == i)[1:-1]  # not those beside another burst
        rows = plane_fields[:, lines][:, :, columns].astype(float).mean(axis=(0, 1))[None]
        size, phase = fit_sine(rows, f / sample_hz)
        answer.append(size[0] / amplitude * numpy.exp(1j * (phase[0] - 2 * numpy.pi * f / sample_hz * margin)))
    return numpy.array(answer)


def corner_hz(hz, response, db=-3.0103):
    """Where the response first falls through db below what went in; NaN when it never does."""
    level = 20 * numpy.log10(numpy.maximum(numpy.abs(response), 1e-6))
    below = numpy.flatnonzero(level < db)
    if not len(below) or below[0] == 0:
        return float("nan")
    i = below[0]
    return float(hz[i - 1] + (hz[i] - hz[i - 1]) * (level[i - 1] - db) / (level[i - 1] - level[i]))


def stop_band(hz, response, corner):
    """The most power that passes above 1.5 times the corner."""
    above = numpy.asarray(hz) >= 1.5 * corner
    return float(numpy.max(numpy.abs(response[above]) ** 2)) if above.any() else 0.0


def rises(response):
    """By how much the response rises anywhere towards higher frequencies: 0 when it is monotone."""
    size = numpy.abs(response)
    return float(numpy.max(size - numpy.minimum.accumulate(size)))


def spectrum(rows, sample_hz):
    """One-sided power density (codes squared a hertz) of rows around their common mean, and its frequencies; 8-bit rounding is taken out."""
    rows = rows.reshape(-1, rows.shape[-1]).astype(float)
    n = rows.shape[1]
    window = numpy.hanning(n)
    power = numpy.zeros(n // 2 + 1)
    for part in numpy.array_split(rows - rows.mean(), max(1, len(rows) // 2000)):
        power += (numpy.abs(numpy.fft.rfft(part * window, axis=1)) ** 2).sum(axis=0)
    density = 2 * power / len(rows) / (window ** 2).sum() / sample_hz
    return numpy.fft.rfftfreq(n, 1 / sample_hz), numpy.maximum(density - 2 / 12 / sample_hz, 0)


def noise_db(rows, weighted=True, top_hz=5e6):
    """219 codes over the rms of the noise up to top_hz, in dB."""
    hz, density = spectrum(rows, LUMA_HZ)
    heard = density * (weighting_power(hz) if weighted else 1) * (hz <= top_hz)
    return float(20 * numpy.log10(219 / numpy.sqrt(heard.sum() * (hz[1] - hz[0]))))


def slope_db_per_octave(hz, density, low, high):
    """Slope of a power density between two frequencies, by least squares over log frequency."""
    use = (hz >= low) & (hz <= high)
    return float(numpy.polyfit(numpy.log2(hz[use]), 10 * numpy.log10(density[use]), 1)[0])


def step_profile(plane_fields):
    """Mean line of a step, 0 black to 1 white."""
    return (plane_fields.astype(float).mean(axis=(0, 1)) - BLACK) / (WHITE - BLACK)


def streak(profile, at):
    """Of a 0-100 % step at column `at` through emphasis, clip and de-emphasis: the value of its first sample, and the time constant (us) with which what is
    missing dies away after the clip has ended (NaN when nothing is missing)."""
    missing = 1 - profile[at:at + 120]
    first = float(profile[at])
    use = numpy.flatnonzero((numpy.arange(120) >= 9) & (missing > 0.03))
    if len(use) < 8:
        return first, float("nan")
    use = use[:numpy.argmax(numpy.diff(numpy.append(use, use[-1] + 9)) > 1) + 1]
    rate = numpy.polyfit(use / LUMA_HZ * 1e6, numpy.log(missing[use]), 1)[0]
    return first, float(-1 / rate)
