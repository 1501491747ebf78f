"""plots.py - the curves of docs/authenticity.md: specified against measured, drawn with matplotlib from what vcr dub renders."""
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plot  # noqa: E402
import numpy  # noqa: E402

import measure_bars  # noqa: E402
import measure_damage  # noqa: E402
import measure_luma  # noqa: E402
import measure_sound  # noqa: E402
import measure_time  # noqa: E402
import patterns  # noqa: E402
import rows_bars  # noqa: E402
import rows_colour  # noqa: E402
import rows_damage  # noqa: E402
import rows_luma  # noqa: E402
import rows_sound  # noqa: E402
import rows_time  # noqa: E402
from clip import fields  # noqa: E402
from standard import LUMA_HZ, NTSC, PAL  # noqa: E402


def decibels(response):
    return 20 * numpy.log10(numpy.maximum(numpy.abs(response), 1e-3))


def luma(bench, axes):
    """Luma response (NTSC); dashed: the specified -3 dB points"""
    for speed, mhz in (("sp", 3.0), ("lp", 2.76), ("ep", 2.4)):
        line, = axes.plot(rows_luma.BURSTS / 1e6, decibels(rows_luma.response(bench, NTSC, {"luma.mtf": speed})), label=speed.upper())
        axes.axvline(mhz, color=line.get_color(), linestyle="--", linewidth=0.8)
    axes.axhline(-3, color="grey", linewidth=0.8)
    axes.set(xlabel="MHz", ylabel="dB", ylim=(-45, 3))
    axes.legend()


def chroma(bench, axes):
    """Colour response (PAL); dashed: the specified -3 dB points"""
    for khz in (300, 400, 500):
        line, = axes.plot(rows_colour.BURSTS / 1e3, decibels(rows_colour.response(bench, PAL, {"chroma.bandwidth_khz": khz})[0]), label=f"{khz} kHz")
        axes.axvline(khz, color=line.get_color(), linestyle="--", linewidth=0.8)
    axes.axhline(-3, color="grey", linewidth=0.8)
    axes.set(xlabel="kHz", ylabel="dB", ylim=(-45, 3))
    axes.legend()


def noise(bench, axes):
    """Spectrum of luma noise at 43 dB weighted (NTSC, SP); dashed: FM noise (triangular), de-emphasised, through the response"""
    hz, density = measure_luma.spectrum(rows_luma.grey(bench, NTSC, {"luma.mtf": "sp", "noise.luma_db": 43}, 20), LUMA_HZ)
    axes.plot(hz / 1e6, 10 * numpy.log10(density + 1e-12), label="rendered")
    passed = numpy.interp(hz, rows_luma.BURSTS, numpy.abs(rows_luma.response(bench, NTSC, {"luma.mtf": "sp"})) ** 2)
    model = hz ** 2 * (1 + (hz * 2 * numpy.pi * 1.3e-6 / 4) ** 2) / (1 + (hz * 2 * numpy.pi * 1.3e-6) ** 2) * passed + 1e-3
    model *= density[(hz > 1e6) & (hz < 2e6)].mean() / model[(hz > 1e6) & (hz < 2e6)].mean()
    axes.plot(hz / 1e6, 10 * numpy.log10(model), "--", label="specified")
    axes.set(xlabel="MHz", ylabel="dB (codes² / Hz)", ylim=(-90, -45), xlim=(0, 6))
    axes.legend()


def step(bench, axes):
    """A 0-100 % step through emphasis, clip and de-emphasis: the streak after a hard edge"""
    at = (numpy.arange(720) - 300) / LUMA_HZ * 1e6
    axes.plot(at, rows_luma.step(bench, NTSC, {"luma.emphasis": "on"}), label="rendered")
    import distort
    axes.plot(at, distort.emphasised_step(720, 300, 1.6), "--", label="specified (clip 160 %)")
    axes.set(xlabel="µs", ylabel="of white", xlim=(-1, 6))
    axes.legend()


def jitter(bench, axes):
    """Line jitter set to 25 ns: differences of neighbouring lines; dashed: a normal distribution of that rms"""
    places = rows_time.places(bench, NTSC, {"jitter.line_ns": 25}, 60)
    ns = numpy.diff(places, axis=1).ravel() * measure_time.US_PER_SAMPLE * 1e3
    axes.hist(ns, 80, (-100, 100), density=True)
    x = numpy.linspace(-100, 100, 200)
    axes.plot(x, numpy.exp(-(x / 25) ** 2 / 2) / 25 / numpy.sqrt(2 * numpy.pi), "--")
    axes.set(xlabel="ns")


def switch(bench, axes):
    """Head switch, step 5 µs: displacement of each line; dashed: e^(-n/12) from 3.5 (NTSC) and 4.0 (PAL) lines above the end"""
    for standard in (NTSC, PAL):
        shown = lambda s: measure_time.edge_places(fields(bench.show(patterns.vertical_edge(standard, 2), s).y), 240)
        shift = (shown({"headswitch": "on", "headswitch.step_us": 5}) - shown({})).mean(axis=0) * measure_time.US_PER_SAMPLE
        lines = numpy.arange(-12, 0) + 1
        dot, = axes.plot(lines, numpy.abs(shift[-12:]), "o", label=standard.name)
        n = numpy.linspace(0, standard.switch, 40)
        axes.plot(n - standard.switch + 0.5, 5 * numpy.exp(-n / 12), "--", color=dot.get_color())
    axes.set(xlabel="line before the end of the field", ylabel="µs")
    axes.legend()


def bars(bench, axes):
    """Noise over the lines of a field in CUE 5 (NTSC); dashed: where an even ladder of the measured period has its bars"""
    level = measure_bars.line_noise(rows_bars.search(bench, NTSC, 5, patterns.flat, 6)).mean(axis=0)
    axes.plot(level)
    centres = measure_bars.bar_centres(level, 128)
    for c in numpy.polyval(numpy.polyfit(numpy.arange(len(centres)), centres, 1), numpy.arange(len(centres))) if len(centres) > 1 else centres:
        axes.axvline(c, color="grey", linestyle="--", linewidth=0.8)
    axes.set(xlabel="field line", ylabel="mean deviation, codes")


def dropouts(bench, axes):
    """Lengths of dropouts (600 a minute set, 20 seconds; those that the picture's edge cuts are left out)"""
    found = rows_damage.damage(bench, NTSC, {"dropout.per_minute": 600}, 240 if bench.quick else 600)[0]
    axes.hist([d[3] / 13.5 for d in found if 2 < d[2] and d[2] + d[3] < 718], 40, (0, 120))
    axes.axvline(15, color="grey", linestyle="--", linewidth=0.8)
    axes.set(xlabel="µs", ylabel="seen")


def sound(bench, axes):
    """Linear track of the reference profile by tape speed; dashed: 10, 7, 5 kHz"""
    hz = numpy.geomspace(40, 16000, 40)
    for speed, corner in (("sp", 10000), ("lp", 7000), ("ep", 5000)):
        heard = bench.hear(patterns.stepped_tones(hz, 0.25), rows_sound.QUIET, profile="reference", standard="ntsc", tape_speed=speed)
        level = measure_sound.stepped_response(heard[:, 0], hz, 0.25)
        line, = axes.semilogx(hz, decibels(level / 0.25), label=speed.upper())
        axes.axvline(corner, color=line.get_color(), linestyle="--", linewidth=0.8)
    axes.set(xlabel="Hz", ylabel="dB", ylim=(-20, 3))
    axes.legend()


def flutter(bench, axes):
    """Spectrum of the speed error of the linear track (0.18 % set), and the IEC 386 weighting (dashed, scaled)"""
    heard = bench.hear(patterns.tone(3150, 20), {"audio.track": "linear", "audio.flutter_percent": 0.18})
    error = measure_sound.speed_error(heard[:, 0], 3150)[500:-500]
    window = numpy.hanning(len(error))
    size = 2 * numpy.abs(numpy.fft.rfft((error - error.mean()) * window)) / window.sum() * 100
    hz = numpy.fft.rfftfreq(len(error), 1e-3)
    axes.semilogx(hz[1:], size[1:], label="% peak")
    axes.semilogx(hz[1:], measure_sound.flutter_weighting(hz[1:]) * size.max(), "--", label="weighting")
    axes.set(xlabel="Hz", xlim=(0.1, 200))
    axes.legend()


CURVES = (luma, chroma, noise, step, jitter, switch, bars, dropouts, sound, flutter)


def drawn_before(folder):
    """What is there from an earlier run, as draw_all tells it."""
    return [(f"plot-{c.__name__}.png", c.__doc__, None) for c in CURVES if (folder / f"plot-{c.__name__}.png").exists()]


def draw_all(bench, folder):
    """[(file, text, trouble)]"""
    folder.mkdir(parents=True, exist_ok=True)
    done = []
    for curve in CURVES:
        figure, axes = plot.subplots(figsize=(6, 3.2), dpi=90)
        try:
            curve(bench, axes)
            figure.tight_layout()
            figure.savefig(folder / f"plot-{curve.__name__}.png")
            done.append((f"plot-{curve.__name__}.png", curve.__doc__, None))
        except (RuntimeError, ValueError, IndexError, KeyError) as e:
            done.append((None, curve.__doc__, str(e)))
        plot.close(figure)
    return done
