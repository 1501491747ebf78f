"""rows_colour.py - rows of the table: colour bandwidth, delay, noise, phase error, comb."""
import numpy

import measure_colour
import measure_luma
import patterns
from clip import fields
from reading import Reading, around, percent, row
from standard import CHROMA_HZ, NTSC, PAL

BURSTS = numpy.arange(50e3, 1.25e6, 50e3)


def response(bench, standard, settings, **options):
    """Complex responses of U and V at BURSTS."""
    played = bench.show(patterns.chroma_multiburst(standard, 1, BURSTS), settings, **options)
    u = measure_luma.burst_response(fields(played.u), BURSTS, CHROMA_HZ, 80)
    return u, 1j * measure_luma.burst_response(fields(played.v), BURSTS, CHROMA_HZ, 80)


@row("chroma.bandwidth")
def chroma_bandwidth(bench):
    """Colour response: -3 dB point within 2 %, the filter itself delays nothing"""
    for standard in (NTSC, PAL):
        for khz in (400,) if bench.quick else (300, 400, 500):
            got = response(bench, standard, {"chroma.bandwidth_khz": khz})
            wrong = response(bench, standard, {"chroma.bandwidth_khz": khz * 0.9})
            late = response(bench, standard, {"chroma.bandwidth_khz": khz, "chroma.delay_ns": 100})
            for i, plane in enumerate("UV"):
                name = f"{standard.name}, chroma.bandwidth_khz={khz}, {plane}: "
                yield Reading(name + "-3 dB", "kHz", **percent(khz, 2), measured=measure_luma.corner_hz(BURSTS, got[i]) / 1e3,
                              control=measure_luma.corner_hz(BURSTS, wrong[i]) / 1e3, control_how="10 % lower")
                yield Reading(name + "delay", "ns", **around(0, 10), measured=measure_colour.delay_ns(BURSTS, got[i]),
                              control=measure_colour.delay_ns(BURSTS, late[i]), control_how="100 ns set")


@row("chroma.delay")
def chroma_delay(bench):
    """Colour against luma: by phase and by the centroid of an edge, within 10 ns; rise of a step"""
    for standard in (NTSC, PAL):
        step = lambda settings: bench.show(patterns.chroma_step(standard, 1), settings)
        lag = lambda played: measure_colour.edge_lag_ns(fields(played.y)[:, 4:-6].mean(axis=(0, 1)), fields(played.u)[:, 4:-6].mean(axis=(0, 1)))
        for ns in (300,) if bench.quick else (37, 150, 300, 450):
            settings = {"chroma.bandwidth_khz": 400, "chroma.delay_ns": ns}
            got = response(bench, standard, settings)[0]
            off = response(bench, standard, {"chroma.bandwidth_khz": 400})[0]
            yield Reading(f"{standard.name}, chroma.delay_ns={ns}: by phase", "ns", **around(ns, 10), measured=measure_colour.delay_ns(BURSTS, got),
                          control=measure_colour.delay_ns(BURSTS, off), control_how="off")
            yield Reading(f"{standard.name}, chroma.delay_ns={ns}: by centroid", "ns", **around(ns, 10), measured=lag(step(settings)),
                          control=lag(step({"chroma.bandwidth_khz": 400})), control_how="off")
        rise = lambda played: measure_colour.rise_ns(fields(played.u)[:, 4:-6].mean(axis=(0, 1)))
        # 0.34 / B (Gaussian) to 0.45 / B (sharp)
        yield Reading(f"{standard.name}, 400 kHz: rise of a step, 10 to 90 %", "ns", 800, 1200, rise(step({"chroma.bandwidth_khz": 400})), rise(step({})), "off")


def red(bench, standard, settings, frames):
    """U and V of rendered 75 % red, edges and lines below the head switch left out."""
    played = bench.show(patterns.red_field(standard, frames), settings)
    return fields(played.u)[:, 4:-6, 20:-20], fields(played.v)[:, 4:-6, 20:-20]


@row("chroma.noise")
def chroma_noise(bench):
    """Colour noise of a 75 % red field: AM within 0.5 dB, PM within 0.2 degrees, streaks rather than grain"""
    frames = 4 if bench.quick else 50
    for standard in (NTSC, PAL):
        for db, deg in ((40, 1.0),) if bench.quick else ((40, 1.0), (36, 2.5), (44, 0.5)):
            band = {"chroma.bandwidth_khz": 400}
            both = measure_colour.am_pm(*red(bench, standard, {**band, "noise.chroma_am_db": db, "noise.chroma_pm_deg": deg}, frames))
            am = measure_colour.am_pm(*red(bench, standard, {**band, "noise.chroma_am_db": db}, frames))
            pm = measure_colour.am_pm(*red(bench, standard, {**band, "noise.chroma_pm_deg": deg}, frames))
            name = f"{standard.name}, {db} dB and {deg}°: "
            yield Reading(name + "AM", "dB", **around(db, 0.5), measured=both[0], control=pm[0], control_how="AM off")
            yield Reading(name + "PM", "°", **around(deg, 0.2), measured=both[1], control=am[1], control_how="PM off")
        grain = lambda settings: measure_colour.noise_length_us(red(bench, standard, settings, frames)[1])
        noisy = {"noise.chroma_am_db": 36, "noise.chroma_pm_deg": 2.5}
        yield Reading(f"{standard.name}, 400 kHz: length of a streak", "µs", 1.0, 2.0, grain({**band, **noisy}), grain(noisy), "band limit off", estimated=True)


@row("chroma.phase")
def chroma_phase(bench):
    """A forced phase error of 20 degrees: NTSC turns the hue by 20, PAL keeps it and loses saturation by its cosine"""
    got = {}
    for standard in (NTSC, PAL):
        before, after = red(bench, standard, {}, 1), red(bench, standard, {"chroma.phase_deg": 20}, 1)
        got[standard] = measure_colour.turn_and_size(*before, *after)
    size = float(numpy.cos(numpy.radians(20)))
    yield Reading("ntsc: hue", "°", **around(20, 0.5), measured=abs(got[NTSC][0]), control=abs(got[PAL][0]), control_how="PAL")
    yield Reading("ntsc: saturation", "", **around(1, 0.01), measured=got[NTSC][1], control=got[PAL][1], control_how="PAL")
    yield Reading("pal: hue", "°", **around(0, 0.5), measured=got[PAL][0], control=abs(got[NTSC][0]), control_how="NTSC")
    yield Reading("pal: saturation", "", **around(size, 0.01), measured=got[PAL][1], control=got[NTSC][1], control_how="NTSC")


@row("chroma.comb")
def chroma_comb(bench):
    """The 1 H comb: colour of neighbouring lines is averaged, so a change of colour across lines is spread"""
    for standard in (NTSC, PAL):
        made = patterns.flat(standard, 1)
        half = standard.height // 4
        made.u[:, half:] = 188
        spread = lambda settings: int(((lambda c: (numpy.abs(c - c.min()) > 3) & (numpy.abs(c - c.max()) > 3))(
            fields(bench.show(made, settings).u)[0, 10:-10, 180].astype(int))).sum())
        yield Reading(f"{standard.name}: field lines of mixed colour", "lines", 1, 2, spread({"chroma.comb": "on"}), spread({}), "off")


@row("chroma.crosstalk")
def chroma_crosstalk(bench):
    """Residue of the neighbouring track's colour after the comb"""
    for standard in (NTSC, PAL):
        made = patterns.flat(standard, 2)
        made.u[:, 0::2] = 188  # one field red-blue, the other grey: what shows in the grey one is residue
        def level(settings):
            """Of the residue's vector: it turns from line to line."""
            shown = bench.show(made, settings)
            return float(numpy.sqrt((numpy.abs(measure_colour.vectors(fields(shown.u)[3, 8:-8], fields(shown.v)[3, 8:-8])) ** 2).mean()) / 60)
        db = lambda v: 20 * numpy.log10(max(v, 1e-4))
        yield Reading(f"{standard.name}, chroma.crosstalk_db=20: neighbour's colour (rms)", "dB", **around(-20, 3), measured=db(level({"chroma.crosstalk_db": 20})),
                      control=db(level({})), control_how="off", estimated=True)


@row("chroma.recorded_over", quick=False)
def chroma_recorded_over(bench):
    """A recording over another one, without a flying erase head: the old colour shows until the erased tape has come from its head to the drum (65 mm) and past the track (97 mm)"""
    for standard, speed in ((NTSC, 33.35), (PAL, 23.39)):
        frames = int(180 / speed * standard.rate_num / standard.rate_den)
        grey = bench.source("grey-long", standard, lambda: patterns.flat(standard, frames))
        def shown(over):
            played = bench.play(grey, standard, {"erase.fixed": "on"}, recorded_over=over)
            strength = numpy.hypot(fields(played.u).astype(float) - 128, fields(played.v).astype(float) - 128).mean(axis=2) > 8  # [field, line of colour]
            gone = strength.sum(axis=0) * standard.rate_den / standard.rate_num / 2
            return gone, strength.any()
        gone, none = shown("on")[0], shown("off")[0]
        top, bottom = len(gone) // 20, len(gone) - 1 - len(gone) // 20
        for line, name in ((top, "near the top"), (bottom, "near the bottom")):
            expected = (65 + 96.5 * line / len(gone)) / speed
            yield Reading(f"{standard.name}: seconds that it shows {name}", "s", **percent(expected, 5), measured=float(gone[line]), control=float(none[line]), control_how="off", estimated=True)
