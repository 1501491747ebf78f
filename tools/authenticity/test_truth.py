"""test_truth.py - the measures measured: patterns distorted by numpy with known truth must read as that, and a wrong amount must not."""
import inspect
import os
import shutil
import tempfile

import numpy

import bench
import clip
import distort
import measure
import measure_bars
import measure_colour
import measure_damage
import measure_luma
import measure_sound
import measure_time
import patterns
import tap
from standard import CHROMA_HZ, LUMA_HZ, NTSC, PAL
from tap import near

BURSTS = numpy.linspace(0.25e6, 6e6, 47)
COLOUR_BURSTS = numpy.arange(50e3, 1.25e6, 50e3)


def y4m_comes_back_and_a_cut_one_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.y4m")
        for standard in (NTSC, PAL):
            made = patterns.ramps(standard, 2)
            clip.write_y4m(path, made)
            assert clip.read_y4m(path, standard).same(made)
        with open(path, "r+b") as file:
            file.truncate(os.path.getsize(path) - 1)
        try:
            clip.read_y4m(path, PAL)
        except ValueError:
            return
        raise AssertionError("half a frame was taken")


def wav_comes_back():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.wav")
        made = patterns.tone(1000, 0.1)
        clip.write_wav(path, made)
        near(numpy.abs(clip.read_wav(path) - made).max(), 0, 1 / 32767, "sample")


def fields_are_lines_by_parity():
    plane = numpy.arange(2 * 4 * 3).reshape(2, 4, 3)
    assert (clip.fields(plane)[1] == plane[0, 1::2]).all() and (clip.unfields(clip.fields(plane)) == plane).all()


def luma_response_is_read_to_one_percent():
    for corner in (1.4e6, 3.0e6, 5.0e6):
        made = patterns.multiburst(NTSC, 1, BURSTS)
        played = distort.to_bytes(distort.filtered(made.y, LUMA_HZ, lambda f: distort.gaussian_response(f, corner)))
        response = measure_luma.burst_response(clip.fields(played), BURSTS, LUMA_HZ, 80)
        near(measure_luma.corner_hz(BURSTS, response) / corner, 1, 0.01, "corner")
        assert measure_luma.rises(response) < 0.01
        near(measure_luma.stop_band(BURSTS, response, corner), distort.gaussian_response(1.5, 1) ** 2 if corner < 4e6 else 0, 0.03, "stop band")


def luma_without_a_filter_has_no_corner():
    response = measure_luma.burst_response(clip.fields(patterns.multiburst(PAL, 1, BURSTS).y), BURSTS, LUMA_HZ, 80)
    assert numpy.isnan(measure_luma.corner_hz(BURSTS, response))


def a_peak_in_the_response_is_seen():
    played = distort.filtered(patterns.multiburst(NTSC, 1, BURSTS).y, LUMA_HZ, lambda f: 1 + 0.3 * numpy.exp(-((f - 2e6) / 5e5) ** 2))
    response = measure_luma.burst_response(clip.fields(distort.to_bytes(played)), BURSTS, LUMA_HZ, 80)
    near(measure_luma.rises(response), 0.3, 0.03, "rise")


def colour_corner_and_delay_are_read():
    for corner, late in ((400e3, 0.0), (400e3, 450.0), (300e3, 37.0)):
        made = patterns.chroma_multiburst(PAL, 1, COLOUR_BURSTS)
        for plane in (made.u, made.v):
            played = distort.to_bytes(distort.filtered(plane, CHROMA_HZ, lambda f: distort.gaussian_response(f, corner), late))
            response = measure_luma.burst_response(clip.fields(played), COLOUR_BURSTS, CHROMA_HZ, 80)
            if plane is made.v:
                response = response * 1j
            near(measure_luma.corner_hz(COLOUR_BURSTS, response) / corner, 1, 0.01, "corner")
            near(measure_colour.delay_ns(COLOUR_BURSTS, response), late, 4, "delay")


def colour_step_rise_and_lag_are_read():
    made = patterns.chroma_step(NTSC, 1)
    u = distort.filtered(made.u, CHROMA_HZ, lambda f: distort.gaussian_response(f, 400e3), 300.0)
    near(measure_colour.edge_lag_ns(made.y[0].mean(axis=0), distort.to_bytes(u)[0].mean(axis=0)), 300, 5, "lag")
    near(measure_colour.rise_ns(distort.to_bytes(u)[0].mean(axis=0)), 0.3394 / 400e3 * 1e9, 25, "rise")  # of a Gaussian: 0.3394 / B


def weighted_noise_is_read_to_a_tenth():
    shape = lambda f: (f / 1e6) ** 2 * distort.gaussian_response(f, 3e6) ** 2
    f = numpy.arange(5e3, 5e6, 1e4)
    for want in (40.0, 46.0):
        power = (shape(f) * measure_luma.weighting_power(f)).sum() * 1e4
        scale = (219 * 10 ** (-want / 20)) ** 2 / power
        rows = distort.to_bytes(126 + distort.noise((480, 720), LUMA_HZ, lambda f: scale * shape(f)))
        near(measure_luma.noise_db(rows), want, 0.15, "weighted")
        assert abs(measure_luma.noise_db(rows, weighted=False) - want) > 3


def weighting_is_the_published_one():
    f = numpy.arange(5e3, 5e6, 1e4)
    near(-10 * numpy.log10(measure_luma.weighting_power(f).mean()), 7.4, 0.1, "white")
    near(-10 * numpy.log10((measure_luma.weighting_power(f) * f ** 2).sum() / (f ** 2).sum()), 12.2, 0.15, "triangular")


def slope_of_triangular_noise_is_six_decibels():
    rows = distort.to_bytes(126 + distort.noise((960, 720), LUMA_HZ, lambda f: 3e-6 * (f / 1e6) ** 2))
    near(measure_luma.slope_db_per_octave(*measure_luma.spectrum(rows, LUMA_HZ), 0.8e6, 4e6), 6.02, 0.3, "slope")
    flat = distort.to_bytes(126 + distort.noise((960, 720), LUMA_HZ, lambda f: 3e-6 + 0 * f))
    near(measure_luma.slope_db_per_octave(*measure_luma.spectrum(flat, LUMA_HZ), 0.8e6, 4e6), 0, 0.3, "slope of white noise")


def clip_level_and_time_constant_are_read():
    for level, tau in ((1.6, 1.3), (2.1, 1.3), (1.6, 1.0)):
        first, constant = measure_luma.streak(distort.emphasised_step(720, 300, level, tau), 300)
        near(first, level / 4, 0.02, "first sample")
        near(constant / tau, 1, 0.05, "time constant")
    assert numpy.isnan(measure_luma.streak(measure_luma.step_profile(patterns.luma_step(NTSC, 1).y), 300)[1])


def colour_noise_is_read():
    red = patterns.red_field(PAL, 2)
    rng = numpy.random.default_rng(2)
    z = measure_colour.vectors(red.u, red.v)
    for am, pm in ((40.0, 1.0), (34.0, 3.0)):
        noisy = z * (1 + 10 ** (-am / 20) * rng.standard_normal(z.shape)) * numpy.exp(1j * numpy.radians(pm) * rng.standard_normal(z.shape))
        got = measure_colour.am_pm(distort.to_bytes(128 + noisy.real), distort.to_bytes(128 + noisy.imag))
        near(got[0], am, 0.25, "AM")
        near(got[1], pm, 0.1, "PM")


def colour_grain_has_a_length():
    rows = distort.noise((400, 360), CHROMA_HZ, lambda f: 1e-4 * (f < 400e3))
    near(measure_colour.noise_length_us(distort.to_bytes(128 + rows)), 1.5, 0.1, "grain")  # a sinc: half at 0.603 / (2 B)


def hue_and_saturation_are_read():
    red = patterns.red_field(NTSC, 1)
    for turn, size in ((20, 1), (0, numpy.cos(numpy.radians(20)))):
        z = measure_colour.vectors(red.u, red.v) * size * numpy.exp(1j * numpy.radians(turn))
        got = measure_colour.turn_and_size(red.u, red.v, distort.to_bytes(128 + z.real), distort.to_bytes(128 + z.imag))
        near(got[0], turn, 0.5, "hue")
        near(got[1], size, 0.01, "saturation")


def line_jitter_is_read_to_two_percent():
    rng = numpy.random.default_rng(4)
    for ns in (10.0, 40.0):
        each = ns * LUMA_HZ * 1e-9 / numpy.sqrt(2)
        places = measure_time.edge_places(distort.edges_at(360 + each * rng.standard_normal((40, 236)), 720))
        near(measure_time.line_jitter_ns(places) / ns, 1, 0.03, "jitter")
        near(measure_time.neighbour_correlation(places), 0, 0.05, "correlation")


def drum_rate_part_is_told_from_the_rest():
    field, line = numpy.mgrid[0:60, 0:236]
    turn = 2 * numpy.pi * ((field % 2) * 262.5 + line) / 525
    rng = numpy.random.default_rng(4)
    other = 4 * numpy.sin(2 * numpy.pi * (field * 262.5 + line) / 525 * 0.31)
    wave = 360 + 13.5 * numpy.cos(turn) + 0.3 * rng.standard_normal(field.shape)  # 2 us peak to peak in each half turn
    places = measure_time.edge_places(distort.edges_at(wave, 720))
    near(measure_time.field_jitter_us(places), 2.0, 0.12, "p-p")
    assert measure_time.drum_peak_db(places, 262.5) > 20
    assert measure_time.drum_peak_db(measure_time.edge_places(distort.edges_at(360 + other, 720)), 262.5) < 10
    near(numpy.ptp(measure_time.drum_series(places, 262.5)[0]) / 13.5, 2.0, 0.1, "drum series")


def head_switch_line_and_decay_are_read():
    step = numpy.zeros((2, 240))
    step[:, 236:] = 40 * numpy.exp(-numpy.arange(4) / 12)
    a, b = (distort.edges_at(360 + s, 720) for s in (0 * step, step))
    assert measure_time.first_difference(a, b)[0] == 236 and measure_time.first_difference(a, a) is None
    shifts = (measure_time.edge_places(b) - measure_time.edge_places(a)).mean(axis=0)
    near(measure_time.decay_lines(shifts[236:]), 12, 0.3, "decay")


def bars_have_a_period_and_a_movement():
    for speed, moves in ((5, 0.0), (-3, 0.0), (4, 0.5), (9, 0.0), (3.4, 0.2)):
        nominal = 251 * 2 / abs(speed - 1)
        noise = measure_bars.line_noise(distort.bars(240, 8, nominal, 0.3, moves))
        period, phases = measure_bars.fit_period(noise, nominal)
        near(period, nominal, max(1, nominal / 100), f"period at {speed}")
        near((measure_bars.advance(phases)[0] - moves + 0.5) % 1, 0.5, 0.03, f"movement at {speed}")
        low, high = measure_bars.period_range(NTSC, speed)
        assert low <= nominal <= high


def the_distance_of_bars_that_are_seen_one_at_a_time_is_read():
    for nominal, lines in ((251, 240), (298, 288)):
        for period in (0.96 * nominal, nominal, 1.04 * nominal):
            seen = [measure_bars.line_noise(distort.bars(lines, 6, period, at, 0, 0.35)).mean(axis=0) for at in (120 / period, 0.0)]
            near(measure_bars.moved_period(*seen, nominal), period, 2, f"period of {nominal} of {lines} lines")
    assert numpy.isnan(measure_bars.moved_period(numpy.zeros(240), numpy.zeros(240), 251))


def bars_that_are_not_there_are_not_counted():
    plain = measure_bars.line_noise(clip.fields(patterns.flat(NTSC, 1).y))
    assert measure_bars.bars_seen(plain[0], 100) == 0 and not len(measure_bars.bar_centres(plain[0], 100))


def bars_stand_on_an_even_ladder():
    noise = measure_bars.line_noise(distort.bars(240, 1, 63, 0.3, 0))[0]
    centres = measure_bars.bar_centres(noise, 63)
    assert measure_bars.bars_seen(noise, 63) == 4
    assert len(centres) >= 3 and measure_bars.evenness(centres) < 1
    centres[1] += 6
    assert measure_bars.evenness(centres) > 1


def source_fields_between_bars_are_read():
    field = numpy.repeat(patterns.counter_level(numpy.array([10, 12, 14])), 80)[:, None] * numpy.ones(720)
    assert measure_bars.source_steps(field, numpy.ones(240, bool)) == [2, 2]


def some_dropouts(clean, count, rng):
    """Known ones, none overlapping another, of 10 to 80 us."""
    slots = rng.choice(len(clean) * 38, count, replace=False)
    return [(int(s // 38), 3 + int(s % 38) * 6, int(rng.integers(0, 640)), int(rng.integers(135, 1080))) for s in slots]


def every_dropout_is_found_once():
    rng = numpy.random.default_rng(6)
    clean = clip.fields(patterns.flat(NTSC, 10).y)
    events = some_dropouts(clean, 60, rng)
    found = measure_damage.find(distort.dropped(clean, events, False), clean)
    assert measure_damage.places(found) == {e[:3] for e in events}
    assert measure_damage.ks_distance([e[3] for e in events], [d[3] for d in found]) < 0.05
    assert not measure_damage.find(clean, clean)


def compensated_lines_are_the_line_before():
    rng = numpy.random.default_rng(6)
    clean = clip.fields(patterns.texture(NTSC, 4).y)
    events = some_dropouts(clean, 20, rng)
    for compensate in (True, False):
        damaged = distort.dropped(clean, events, compensate)
        same, total = measure_damage.compensated(damaged, clean, measure_damage.find(damaged, clean))
        assert (same == total) == compensate and total > 5000


def visible_share_is_right():
    near(measure_damage.visible_share(NTSC, 0), 720 / 858 * 240 / 262.5, 1e-9, "share")


def a_right_rate_is_not_refused_and_a_wrong_one_is():
    rng = numpy.random.default_rng(11)
    rounds, each = 40, 35.0
    # flaws that show on one to four tracks: their number is Poisson's, that of dropouts is three times as wide
    made = lambda rate: [int(rng.integers(1, 5, rng.poisson(rate / 2.5)).sum()) for _ in range(rounds)]
    far = lambda rate: measure_damage.sigmas_of_rounds(made(rate), each)
    assert sum(far(each) > measure_damage.T_OF_A_THOUSAND for _ in range(3000)) <= 12  # 3 expected
    assert all(far(each / 2) > measure_damage.T_OF_A_THOUSAND for _ in range(300))
    assert numpy.mean([far(1.25 * each) > measure_damage.T_OF_A_THOUSAND for _ in range(300)]) > 0.1
    assert measure_damage.sigmas_of_rounds([0] * rounds, each) > 99


def a_small_jitter_is_not_read_short():
    rng = numpy.random.default_rng(12)
    edge = patterns.vertical_edge(NTSC, 20)
    for ns in (10, 25):
        shifts = rng.standard_normal((40, 240)) * ns / numpy.sqrt(2) * 1e-3 / measure_time.US_PER_SAMPLE
        rows = patterns.BLACK + (patterns.WHITE - patterns.BLACK) * patterns.soft_edge(720, 360 + shifts[..., None], 12)
        places = measure_time.edge_places(numpy.rint(rows).astype(numpy.uint8))
        near(measure_time.line_jitter_ns(places) / ns, 1, 0.02, f"{ns} ns")
        near(measure_time.line_jitter_ns(measure_time.edge_places(clip.fields(edge.y))), 0, 0.1, "none")


def sound_corner_is_read():
    hz = numpy.geomspace(1000, 15000, 24)
    tones = patterns.stepped_tones(hz)
    for corner in (5000, 10000):
        bins = numpy.fft.rfft(tones[:, 0])
        f = numpy.fft.rfftfreq(len(tones), 1 / 48000)
        played = numpy.fft.irfft(bins / numpy.sqrt(1 + (f / corner) ** 8), len(tones))
        near(measure_sound.upper_corner(hz, measure_sound.stepped_response(played, hz)) / corner, 1, 0.01, "corner")
    assert numpy.isnan(measure_sound.upper_corner(hz, measure_sound.stepped_response(tones[:, 0], hz)))


def hiss_is_read():
    white = 0.001 * numpy.random.default_rng(8).standard_normal(48000 * 4)
    near(measure_sound.hiss_db(white, weighted=False), 20 * numpy.log10(numpy.sqrt(0.5 * 24000 / 19980) / 0.001), 0.15, "unweighted")
    near(measure_sound.a_weighting_power(1000), 1, 0.001, "A at 1 kHz")
    near(10 * numpy.log10(measure_sound.a_weighting_power(100)), -19.1, 0.1, "A at 100 Hz")


def flutter_is_read():
    parts = ((0.7, 0.002), (4.0, 0.001), (30, 0.001))
    want = 100 * numpy.sqrt(sum((p * measure_sound.flutter_weighting(f)) ** 2 / 2 for f, p in parts))
    near(measure_sound.flutter_wrms(distort.fluttered(3150, 12, parts)) / want, 1, 0.03, "flutter")
    near(measure_sound.flutter_wrms(patterns.tone(3150, 4)[:, 0]), 0, 0.001, "flutter of a steady tone")


def clicks_at_the_field_rate_stand_out():
    sound = 1e-4 * numpy.random.default_rng(9).standard_normal(48000 * 4)
    assert measure_sound.comb_db(sound, 59.94) < 3
    sound[(numpy.arange(239) * 48000 / 59.94).astype(int)] += 0.02
    assert measure_sound.comb_db(sound, 59.94) > 10


class LazyDeck(bench.Bench):
    """In place of vcr dub: gives back what it gets."""

    def run(self, words):
        if "--list-settings" in words:
            return '{"settings": [{"name": "luma.mtf", "value": 3.0}]}'
        shutil.copy(words[2], words[3])
        frames = int(words[words.index("--frames") + 1]) if "--frames" in words else 0
        if frames and str(words[3]).endswith(".y4m"):
            standard = words[words.index("--standard") + 1]
            clip.write_y4m(words[3], clip.read_y4m(words[3], standard)[:frames])
        return ""


def a_deck_that_does_nothing_passes_no_row():
    deck = LazyDeck("vcr", True)
    try:
        costly = ("isa", "dropout.place", "dropout.wear", "bars.still")  # much is written for them, and they measure as others do
        for row in (r for r in measure.wanted([], True) if r.name not in costly):
            got, trouble, _ = measure.readings(deck, row)
            assert got and not trouble, f"{row.name}: {trouble}"
            assert not any(r.ok for r in got), f"{row.name}: {[r.what for r in got if r.ok]}"
    finally:
        deck.close()


if __name__ == "__main__":
    tap.run([f for f in list(globals().values()) if inspect.isfunction(f) and not f.__code__.co_argcount and f.__module__ == "__main__"])
