"""distort.py - damage of known size done to patterns with numpy: the truth that the measures are tested on. Nothing here is used to measure vcr."""
import numpy

from standard import BLACK, LUMA_HZ, WHITE


def to_bytes(plane):
    """Rounded and clipped."""
    return numpy.clip(numpy.rint(plane), 0, 255).astype(numpy.uint8)


def gaussian_response(hz, corner):
    """Amplitude of a Gaussian low-pass with its -3 dB point at corner."""
    return 2.0 ** (-0.5 * (numpy.asarray(hz) / corner) ** 2)


def filtered(plane, sample_hz, response, delay_ns=0):
    """Lines through a response given over frequency, then late by delay_ns; the ends are continued so that nothing wraps."""
    pad = 128
    wide = numpy.pad(plane.astype(float), [(0, 0)] * (plane.ndim - 1) + [(pad, pad)], mode="edge")
    both = numpy.concatenate([wide, wide[..., ::-1]], axis=-1)  # closed smoothly
    hz = numpy.fft.rfftfreq(both.shape[-1], 1 / sample_hz)
    bins = numpy.fft.rfft(both, axis=-1) * response(hz) * numpy.exp(-2j * numpy.pi * hz * delay_ns * 1e-9)
    return numpy.fft.irfft(bins, both.shape[-1], axis=-1)[..., pad:pad + plane.shape[-1]]


def noise(shape, sample_hz, density, seed=1):
    """Gaussian noise lines of a one-sided power density (codes squared a hertz) given over frequency."""
    rng = numpy.random.default_rng(seed)
    n = shape[-1]
    hz = numpy.fft.rfftfreq(n, 1 / sample_hz)
    bins = numpy.fft.rfft(rng.standard_normal(shape), axis=-1)
    return numpy.fft.irfft(bins * numpy.sqrt(density(hz) * sample_hz / 2), n, axis=-1)


def edges_at(places, width, half=12):
    """Luma lines with a soft black-to-white edge at places[field, line]."""
    x = numpy.arange(width) - numpy.asarray(places)[..., None]
    return to_bytes(BLACK + (WHITE - BLACK) * (0.5 + 0.5 * numpy.sin(numpy.pi / 2 * numpy.clip(x / half, -1, 1))))


def emphasised_step(width, at, clip, tau_us=1.3, ratio=4, fine=40):
    """A 0-1 step at column at through main emphasis, a clip at `clip`, and de-emphasis, computed on a grid `fine` times finer."""
    step = 1 / (LUMA_HZ * fine)
    t = (numpy.arange(width * fine) - at * fine) * step * 1e6
    emphasised = numpy.where(t >= 0, 1 + (ratio - 1) * numpy.exp(-t * ratio / tau_us), 0)
    driven = numpy.minimum(emphasised, clip)
    # de-emphasis (1 + s tau / ratio) / (1 + s tau): 1/ratio at once, the rest by a pole of tau
    slow, answer, pole = 0.0, numpy.empty(len(t)), numpy.exp(-step * 1e6 / tau_us)
    for i, x in enumerate(driven):
        slow = pole * slow + (1 - pole) * x
        answer[i] = x / ratio + (1 - 1 / ratio) * slow
    return answer[::fine]


def bars(lines, fields, period, phase0, advance, thickness=0.2, seed=3, width=720):
    """Grey field lines with noise bars: centres at (k + phase) * period, phase moving by advance a field."""
    rng = numpy.random.default_rng(seed)
    picture = numpy.full((fields, lines, width), 126.0)
    for f in range(fields):
        place = (numpy.arange(lines) / period - phase0 - advance * f + 0.5) % 1 - 0.5
        level = numpy.clip(1 - numpy.abs(place) / (thickness / 2), 0, 1)
        picture[f] += rng.standard_normal((lines, width)) * 40 * level[:, None]
    return to_bytes(picture)


def dropped(clean, events, compensate):
    """clean[field, line, column] with events (field, line, column, length) as white streaks or as the line before."""
    out = clean.copy()
    for field, line, column, length in events:
        while length > 0 and line < out.shape[1]:
            part = slice(column, min(column + length, out.shape[2]))
            out[field, line, part] = out[field, line - 1, part] if compensate else 225
            length -= part.stop - part.start
            line, column = line + 1, 0
    return out


def fluttered(hz, seconds, parts, seed=5, rate=48000):
    """A tone whose speed errs by the sum of parts (hertz, peak)."""
    rng = numpy.random.default_rng(seed)
    t = numpy.arange(int(seconds * rate)) / rate
    error = sum(peak * numpy.sin(2 * numpy.pi * f * t + rng.uniform(0, 6.28)) for f, peak in parts)
    return 0.5 * numpy.sin(2 * numpy.pi * hz * (t + numpy.cumsum(error) / rate))
