"""measure_sound.py - response, hiss, hum of the field pulses, wow and flutter of rendered sound (48 kHz, full scale 1)."""
import numpy

RATE = 48000
# IEC 386 / DIN 45507 weighting of wow and flutter: hertz, dB.
FLUTTER_CURVE = ((0.1, -48), (0.2, -30.6), (0.315, -19.7), (0.4, -15), (0.63, -8.4), (0.8, -6), (1, -4.2), (1.6, -1.8), (2, -0.9), (4, 0), (6.3, -0.9), (10, -2.1),
                 (20, -5.9), (40, -10.4), (63, -14.2), (100, -17.3), (200, -23))


def a_weighting_power(hz):
    """IEC 61672 A curve, power, 1 at 1 kHz."""
    f2 = numpy.asarray(hz, float) ** 2
    r = 12194.0 ** 2 * f2 ** 2 / ((f2 + 20.6 ** 2) * numpy.sqrt((f2 + 107.7 ** 2) * (f2 + 737.9 ** 2)) * (f2 + 12194.0 ** 2))
    return (r * 1.2589) ** 2


def flutter_weighting(hz):
    """Amplitude of the IEC 386 curve, by straight lines in dB over log frequency; nothing above 200 Hz and below 0.1 Hz goes on falling."""
    table = numpy.array(FLUTTER_CURVE)
    hz = numpy.maximum(numpy.asarray(hz, float), 1e-3)
    level = numpy.interp(numpy.log(hz), numpy.log(table[:, 0]), table[:, 1])
    level = numpy.where(hz < 0.1, -48 - 60 * numpy.log10(0.1 / hz), level)
    level = numpy.where(hz > 200, -23 - 20 * numpy.log10(hz / 200), level)
    return 10 ** (level / 20)


def tone_level(part, hz):
    """Amplitude of a sine of known frequency in a stretch of one channel."""
    window = numpy.hanning(len(part))
    return float(2 * abs((part * window * numpy.exp(-2j * numpy.pi * hz * numpy.arange(len(part)) / RATE)).sum()) / window.sum())


def stepped_response(channel, hz, each=0.25, late=0):
    """Amplitude of each of patterns.stepped_tones as rendered, the first and last fifth of each left out."""
    size = int(each * RATE)
    answer = []
    for i, f in enumerate(hz):
        start = i * size + late + size // 5
        answer.append(tone_level(channel[start:start + 3 * size // 5], f))
    return numpy.array(answer)


def upper_corner(hz, level, reference_hz=1000):
    """The -3 dB point above reference_hz; NaN when there is none."""
    db = 20 * numpy.log10(numpy.maximum(level, 1e-9) / level[int(numpy.argmin(numpy.abs(numpy.asarray(hz) - reference_hz)))])
    for i in range(1, len(hz)):
        if hz[i] > reference_hz and db[i] < -3.0103 <= db[i - 1]:
            t = (db[i - 1] + 3.0103) / (db[i - 1] - db[i])
            return float(hz[i - 1] * (hz[i] / hz[i - 1]) ** t)
    return float("nan")


def spectrum(channel):
    """Power in each bin of the whole stretch (sum: mean square), and the frequencies."""
    window = numpy.hanning(len(channel))
    power = 2 * numpy.abs(numpy.fft.rfft(channel * window)) ** 2 / len(channel) / (window ** 2).sum()
    return numpy.fft.rfftfreq(len(channel), 1 / RATE), power


def hiss_db(channel, weighted=True):
    """Full-scale sine over the noise, dB(A) or unweighted (20 Hz to 20 kHz)."""
    hz, power = spectrum(channel)
    heard = (power * (a_weighting_power(hz) if weighted else 1))[(hz >= 20) & (hz <= 20000)].sum()
    return float(10 * numpy.log10(0.5 / max(heard, 1e-20)))


def comb_db(channel, base_hz, parts=20):
    """Power at the multiples of base_hz over what lies half way between them: a buzz or a click that comes at that rate."""
    hz, power = spectrum(channel)
    width = hz[1]
    around = lambda f: power[max(0, int(f / width) - 2):int(f / width) + 4].sum()
    at = sum(around(k * base_hz) for k in range(1, parts + 1))
    beside = sum(around((k + 0.5) * base_hz) for k in range(1, parts + 1))
    return float(10 * numpy.log10(max(at, 1e-20) / max(beside, 1e-20)))


def comb_level_db(channel, base_hz, parts=20):
    """Level of the multiples of base_hz together, dB below a full-scale sine."""
    hz, power = spectrum(channel)
    width = hz[1]
    at = sum(power[max(0, int(k * base_hz / width) - 2):int(k * base_hz / width) + 4].sum() for k in range(1, parts + 1))
    return float(10 * numpy.log10(0.5 / max(at, 1e-20)))


def speed_error(channel, hz, half_band=400):
    """Relative deviation of a tone's frequency over time, one value a millisecond: the phase of the analytic signal in a band around it."""
    n = len(channel)
    bins = numpy.fft.fft(channel)
    f = numpy.fft.fftfreq(n, 1 / RATE)
    band = numpy.clip((half_band - numpy.abs(f - hz)) / 100 + 1, 0, 1)
    analytic = numpy.fft.ifft(bins * band)
    phase = numpy.unwrap(numpy.angle(analytic))
    step = RATE // 1000
    return numpy.diff(phase[::step]) / (2 * numpy.pi * step / RATE) / hz - 1


def flutter_wrms(channel, hz=3150, settle=0.5):
    """Weighted rms (IEC 386) of the speed error, in percent; the first and last half second are left out after weighting."""
    error = speed_error(channel, hz)
    error = error - error.mean()
    bins = numpy.fft.rfft(error)
    weighted = numpy.fft.irfft(bins * flutter_weighting(numpy.fft.rfftfreq(len(error), 1e-3)), len(error))
    cut = int(settle * 1000)
    return float(100 * numpy.sqrt((weighted[cut:-cut] ** 2).mean()))
