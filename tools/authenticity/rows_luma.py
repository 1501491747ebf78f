"""rows_luma.py - rows of the table: luma response, noise, clip and streak."""
import numpy

import measure_luma
import patterns
from clip import fields
from reading import Reading, around, at_least, at_most, percent, row
from standard import LUMA_HZ, NTSC, PAL

BURSTS = numpy.linspace(0.25e6, 6.25e6, 41)


def response(bench, standard, settings, **options):
    """Complex luma response at BURSTS."""
    played = bench.show(patterns.multiburst(standard, 1, BURSTS), settings, **options)
    return measure_luma.burst_response(fields(played.y), BURSTS, LUMA_HZ, 80)


@row("luma.mtf")
def luma_mtf(bench):
    """Luma response: -3 dB point within 2 %, monotone, nothing above 1.5 times the corner (multiburst)"""
    wanted = [("sp", 3.0, False), ("1.6", 1.6, False)] if bench.quick else [
        ("sp", 3.0, False), ("lp", 2.76, True), ("ep", 2.4, True), ("2", 2.0, False), ("1.6", 1.6, False), ("1.2", 1.2, False), ("5", 5.0, False)]
    for standard in (NTSC, PAL):
        off = response(bench, standard, {})
        for value, mhz, estimated in wanted:
            got = response(bench, standard, {"luma.mtf": value})
            wrong = response(bench, standard, {"luma.mtf": f"{mhz * 0.9:.3f}"})
            name = f"{standard.name}, luma.mtf={value}: "
            yield Reading(name + "-3 dB", "MHz", **percent(mhz, 2), measured=measure_luma.corner_hz(BURSTS, got) / 1e6,
                          control=measure_luma.corner_hz(BURSTS, wrong) / 1e6, control_how="10 % lower", estimated=estimated)
            if mhz * 1.5 < 6.2:
                yield Reading(name + "most power above 1.5 corners", "", **at_most(0.005), measured=measure_luma.stop_band(BURSTS, got, mhz * 1e6),
                              control=measure_luma.stop_band(BURSTS, off, mhz * 1e6), control_how="off")
            peaked = response(bench, standard, {"luma.mtf": value, "luma.peaking_db": 8})
            yield Reading(name + "rise towards higher frequencies", "", **at_most(0.015), measured=measure_luma.rises(got),
                          control=measure_luma.rises(peaked), control_how="peaking 8 dB")


@row("luma.ep")
def luma_ep(bench):
    """A tape of six hours: the response is that of EP once, however the look is asked for (published: 160 to 220 lines)"""
    for standard in (NTSC, PAL):
        for speed in ("sp", "ep"):
            plain = {name: "off" for name in ("noise.luma_db", "luma.peaking_db", "luma.emphasis", "jitter.line_ns", "jitter.field_us", "headswitch", "dropout.per_minute",
                                              "capstan.error_percent", "limiter")}
            corner = lambda more: measure_luma.corner_hz(BURSTS, response(bench, standard, {**plain, **more}, profile="ep-thin", tape_speed=speed)) / 1e6
            yield Reading(f"{standard.name}, ep-thin, tape speed {speed}: -3 dB", "MHz", 2.0, 2.75, corner({}), corner({"luma.mtf": 2.3 * 0.8}), "softened twice")


@row("luma.peaking")
def luma_peaking(bench):
    """Playback peaking: gain at 2 MHz"""
    hz = numpy.array([0.25e6, 2e6])
    for standard in (NTSC, PAL):
        off = patterns.multiburst(standard, 1, hz, 25)
        gain = lambda settings: 20 * numpy.log10(abs(measure_luma.burst_response(fields(bench.show(off, settings).y), hz, LUMA_HZ, 25)[1]))
        for db in (6, 12) if bench.quick else (3, 6, 9, 12):
            yield Reading(f"{standard.name}, luma.peaking_db={db}: gain at 2 MHz", "dB", **around(db, 0.5), measured=gain({"luma.peaking_db": db}),
                          control=gain({}), control_how="off")


def grey(bench, standard, settings, frames):
    """Lines of rendered grey, those below the head switch left out."""
    played = bench.show(patterns.flat(standard, frames), settings)
    return fields(played.y)[:, 4:-6]


@row("luma.noise")
def luma_noise(bench):
    """Luma noise of 50 % grey: weighted level within 0.3 dB, rising 6 dB an octave (triangular, de-emphasised), falling with the response"""
    frames = 6 if bench.quick else 100
    for standard in (NTSC, PAL):
        for db in (43,) if bench.quick else (40, 43, 46):
            rows = grey(bench, standard, {"luma.mtf": "sp", "noise.luma_db": db}, frames)
            quiet = grey(bench, standard, {"luma.mtf": "sp", "noise.luma_db": db + 1}, frames)
            name = f"{standard.name}, noise.luma_db={db}: "
            yield Reading(name + "weighted (Rec. 567, 5 MHz)", "dB", **around(db, 0.3), measured=measure_luma.noise_db(rows),
                          control=measure_luma.noise_db(quiet), control_how="1 dB less noise")
        flat = rows.astype(float) - rows.mean()
        alike = lambda a, b: float(abs((a * b).mean()) / flat.var())
        yield Reading(name + "correlation of neighbouring lines", "", **at_most(0.05), measured=alike(flat[:, 1:], flat[:, :-1]), control=alike(flat, flat), control_how="of a line with itself")
        yield Reading(name + "correlation of successive fields", "", **at_most(0.05), measured=alike(flat[1:], flat[:-1]), control=alike(flat, flat), control_how="of a field with itself")
        hz, density = measure_luma.spectrum(rows, LUMA_HZ)
        white = numpy.interp(hz, BURSTS, numpy.abs(response(bench, standard, {"luma.mtf": "sp"})) ** 2)
        yield Reading(name + "slope 1 to 2 MHz before the response", "dB/oct", **around(6, 1),
                      measured=measure_luma.slope_db_per_octave(hz, density / white, 1e6, 2e6),
                      control=measure_luma.slope_db_per_octave(hz, white, 1e6, 2e6), control_how="white noise, same filter")
        fall = lambda d: float(10 * numpy.log10(d[(hz > 0.9e6) & (hz < 3e6)].max() / max(d[(hz > 4.4e6) & (hz < 5e6)].mean(), 1e-12)))
        unfiltered = measure_luma.spectrum(grey(bench, standard, {"noise.luma_db": db}, 2), LUMA_HZ)[1]
        yield Reading(name + "fall from the peak to 4.7 MHz", "dB", **at_least(10), measured=fall(density), control=fall(unfiltered), control_how="response off")


def step(bench, standard, settings, rising=True):
    """Mean line of a 0-100 % step (a falling one is turned over)."""
    made = patterns.luma_step(standard, 1, 16 if rising else 235, 235 if rising else 16)
    profile = measure_luma.step_profile(fields(bench.show(made, settings).y)[:, 4:-6])
    return profile if rising else 1 - profile


@row("luma.clip")
def luma_clip(bench):
    """White and dark clip after record emphasis: level at the edge, time constant of the streak (1.3 us within 5 %)"""
    for standard in (NTSC, PAL):
        for rising, low, high, text in ((True, 0.37, 0.48, "0-100 %, clip 160 %: first sample"), (False, 0.32, 0.43, "100-0 %, clip -40 %: first sample (turned over)")):
            first, constant = measure_luma.streak(step(bench, standard, {"luma.emphasis": "on"}, rising), 300)
            first_off, constant_off = measure_luma.streak(step(bench, standard, {}, rising), 300)
            yield Reading(f"{standard.name}, {text}", "", low, high, first, first_off, "off", estimated=True)
            yield Reading(f"{standard.name}, {text.split(',')[0]}: time constant", "µs", **percent(1.3, 5), measured=constant, control=constant_off, control_how="off")
        gentle = patterns.vertical_edge(standard, 1, half=40)
        same = lambda made: float(numpy.abs(bench.show(made, {"luma.emphasis": "on"}).y.astype(int) - made.y).max())
        yield Reading(f"{standard.name}, gentle edge that nothing clips: largest change", "codes", **at_most(1), measured=same(gentle),
                      control=same(patterns.luma_step(standard, 1)), control_how="hard edge")
