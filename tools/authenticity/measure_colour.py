"""measure_colour.py - bandwidth, delay, rise, AM and PM noise and phase error of the colour, from rendered U and V."""
import numpy

from standard import CHROMA_HZ, GREY


def delay_ns(hz, response, low=50e3, high=250e3):
    """Delay of a response, from its phase over the band where it passes."""
    use = (numpy.asarray(hz) >= low) & (numpy.asarray(hz) <= high)
    turns = -numpy.unwrap(numpy.angle(response[use])) / (2 * numpy.pi)
    return float(numpy.sum(turns * hz[use]) / numpy.sum(hz[use] ** 2) * 1e9)


def rise_ns(line):
    """10 to 90 % of a step along a line of U or V."""
    ends = line[20:60].mean(), line[-60:-20].mean()
    part = (line - ends[0]) / (ends[1] - ends[0])
    middle = int(numpy.argmin(numpy.abs(part - 0.5)))
    cross = []
    for level in (0.1, 0.9):
        i = middle
        while 0 < i < len(part) - 2 and not (part[i] <= level <= part[i + 1]):
            i += -1 if level < 0.5 else 1
        cross.append(i + (level - part[i]) / max(part[i + 1] - part[i], 1e-9))
    return float((cross[1] - cross[0]) / CHROMA_HZ * 1e9)


def edge_place(line):
    """Where a step is, in samples of its line: by area, so that ringing and softness of both sides do not move it."""
    ends = line[20:60].mean(), line[-60:-20].mean()
    part = (line[20:-20] - ends[0]) / (ends[1] - ends[0])
    return float(20 + len(part) - part.sum())


def edge_lag_ns(y_line, u_line):
    """By how much the step in colour comes after that in luma: 0 for patterns.chroma_step as it is made."""
    return float(edge_place(u_line) / CHROMA_HZ * 1e9 - edge_place(y_line) / (2 * CHROMA_HZ) * 1e9)


def vectors(u, v):
    """Colour as complex numbers."""
    return (u.astype(float) - GREY) + 1j * (v.astype(float) - GREY)


def am_pm(u, v):
    """Radial noise in dB below the mean vector and tangential noise in degrees, of a flat field; 8-bit rounding is taken out."""
    z = vectors(u, v)
    mean = z.mean()
    turned = z / (mean / abs(mean))
    radial = max(turned.real.var() - 1 / 12, 1e-12)
    across = max(turned.imag.var() - 1 / 12, 1e-12)
    return float(20 * numpy.log10(abs(mean) / numpy.sqrt(radial))), float(numpy.degrees(numpy.sqrt(across) / abs(mean)))


def noise_length_us(u):
    """How long a grain of colour noise is: twice the lag at which the autocorrelation along the line falls to one half; infinite when it does not within 40 samples."""
    rows = u.reshape(-1, u.shape[-1]).astype(float)
    rows = rows - rows.mean()
    size = numpy.array([(rows[:, k:] * rows[:, :rows.shape[1] - k]).mean() for k in range(40)])
    size = size / size[0]
    i = int(numpy.argmax(size < 0.5))
    if i == 0:
        return float("inf") if size[0] == 1 else float("nan")
    lag = i - 1 + (size[i - 1] - 0.5) / (size[i - 1] - size[i])
    return float(2 * lag / CHROMA_HZ * 1e6)


def turn_and_size(u0, v0, u1, v1):
    """Hue shift in degrees and what is left of the saturation, from the mean vectors before and after."""
    ratio = vectors(u1, v1).mean() / vectors(u0, v0).mean()
    return float(numpy.degrees(numpy.angle(ratio))), float(abs(ratio))
