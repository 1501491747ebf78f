"""patterns.py - test signals as a measuring engineer has them: bursts, sweeps, bars, steps, edges, counters, tones."""
import numpy

from clip import Clip
from standard import BLACK, CHROMA_HZ, GREY, LUMA_HZ, WHITE

RATE = 48000


def flat(standard, frames, y=126, u=GREY, v=GREY):
    """One colour."""
    h, w = standard.height, standard.width
    shape = (frames, h // 2, w // 2)
    return Clip(standard, numpy.full((frames, h, w), y, numpy.uint8), numpy.full(shape, u, numpy.uint8), numpy.full(shape, v, numpy.uint8))


def colour(r, g, b):
    """Y, Cb, Cr (BT.601, video range, not rounded) of red, green and blue between 0 and 1."""
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return 16 + 219 * y, 128 + 224 * (b - y) / 1.772, 128 + 224 * (r - y) / 1.402


def red_field(standard, frames):
    """75 % red."""
    return flat(standard, frames, *(int(round(c)) for c in colour(0.75, 0, 0)))


def bars(standard, frames):
    """75 % colour bars, white (75 %) to black."""
    clip = flat(standard, frames)
    for i in range(8):
        y, u, v = (int(round(c)) for c in colour(*(0.75 * (1 - (i >> bit & 1)) for bit in (1, 2, 0))))
        clip.y[:, :, i * 90:(i + 1) * 90] = y
        clip.u[:, :, i * 45:(i + 1) * 45] = u
        clip.v[:, :, i * 45:(i + 1) * 45] = v
    return clip


def burst_index(lines, count):
    """Which of count bursts each field line carries; each takes a band of neighbouring lines."""
    return numpy.minimum(numpy.arange(lines) * count // lines, count - 1)


def multiburst(standard, frames, hz, amplitude=80):
    """Luma: bands of lines, each with a sine of its own frequency over the whole line; one frequency of hz a band."""
    clip = flat(standard, frames)
    which = burst_index(standard.height // 2, len(hz))
    x = numpy.arange(standard.width)
    rows = 126 + amplitude * numpy.cos(2 * numpy.pi * numpy.asarray(hz)[which][:, None] / LUMA_HZ * x)
    clip.y[:] = numpy.repeat(numpy.rint(rows), 2, axis=0).astype(numpy.uint8)
    return clip


def chroma_multiburst(standard, frames, hz, amplitude=80):
    """The same in U and (a quarter turn later) in V, over flat luma."""
    clip = flat(standard, frames)
    which = burst_index(standard.height // 4, len(hz))
    turn = 2 * numpy.pi * numpy.asarray(hz)[which][:, None] / CHROMA_HZ * numpy.arange(standard.width // 2)
    clip.u[:] = numpy.repeat(numpy.rint(GREY + amplitude * numpy.cos(turn)), 2, axis=0).astype(numpy.uint8)
    clip.v[:] = numpy.repeat(numpy.rint(GREY + amplitude * numpy.sin(turn)), 2, axis=0).astype(numpy.uint8)
    return clip


def soft_edge(width, at, half):
    """0 to 1 around column at: half a cosine, 2 * half samples long."""
    return 0.5 + 0.5 * numpy.sin(numpy.pi / 2 * numpy.clip((numpy.arange(width) - at) / half, -1, 1))


def vertical_edge(standard, frames, at=360, half=12):
    """Black to white in the middle of every line, softly: its place can be read to a hundredth of a sample."""
    clip = flat(standard, frames)
    clip.y[:] = numpy.rint(BLACK + (WHITE - BLACK) * soft_edge(standard.width, at, half)).astype(numpy.uint8)
    return clip


def luma_step(standard, frames, low=BLACK, high=WHITE, at=300):
    """From low to high between two samples."""
    clip = flat(standard, frames, low)
    clip.y[:, :, at:] = high
    return clip


def chroma_step(standard, frames, at=180, swing=60):
    """U up and V down in the middle, luma with its edge at the same place."""
    clip = luma_step(standard, frames, 80, 180, 2 * at)
    clip.u[:, :, :at], clip.u[:, :, at:] = GREY - swing, GREY + swing
    clip.v[:, :, :at], clip.v[:, :, at:] = GREY + swing, GREY - swing
    return clip


def ramps(standard, frames):
    """Luma ramp along the line, colour ramps along and across."""
    clip = flat(standard, frames)
    clip.y[:] = numpy.rint(numpy.linspace(BLACK, WHITE, standard.width)).astype(numpy.uint8)
    clip.u[:] = numpy.rint(numpy.linspace(64, 192, standard.width // 2)).astype(numpy.uint8)
    clip.v[:] = numpy.rint(numpy.linspace(64, 192, standard.height // 2))[:, None].astype(numpy.uint8)
    return clip


def texture(standard, frames, seed=7):
    """Every line unlike the one above: shows which line a compensator took."""
    clip = flat(standard, frames)
    clip.y[:] = numpy.random.default_rng(seed).integers(40, 200, clip.y.shape[1:]).astype(numpy.uint8)
    return clip


COUNTER_LEVELS = 44


def counter_level(field):
    """Luma of a field of field_counter."""
    return 40 + 4 * (numpy.asarray(field) % COUNTER_LEVELS)


def field_counter(standard, frames):
    """Each field has a grey of its own, repeating after 44 fields."""
    clip = flat(standard, frames)
    for f in range(frames):
        clip.y[f, 0::2], clip.y[f, 1::2] = counter_level(2 * f), counter_level(2 * f + 1)
    return clip


def flashes(standard, frames, hz):
    """Black and white in turn, hz flashes a second (each a rise and a fall)."""
    clip = flat(standard, frames)
    seconds = numpy.arange(frames) * standard.rate_den / standard.rate_num
    clip.y[:] = numpy.where((seconds * hz) % 1 < 0.5, BLACK, WHITE).astype(numpy.uint8)[:, None, None]
    return clip


def tone(hz, seconds, level=0.5):
    """A sine in both channels."""
    one = level * numpy.sin(2 * numpy.pi * hz * numpy.arange(int(seconds * RATE)) / RATE)
    return numpy.stack([one, one], axis=1)


def silence(seconds):
    """Nothing."""
    return numpy.zeros((int(seconds * RATE), 2))


def stepped_tones(hz, each=0.25, level=0.25):
    """One tone after the other, each for so many seconds."""
    return numpy.concatenate([tone(f, each, level) for f in hz])
