"""rows_time.py - rows of the table: line jitter, its drum-rate part, and the head switch."""
import numpy

import measure_time
import patterns
from clip import fields
from reading import Reading, at_least, at_most, exactly, percent, row
from standard import NTSC, PAL


def places(bench, standard, settings, frames, **options):
    """Where the edge of each line lies, [field, line]; the head switch is off."""
    source = bench.source(f"edge{frames}", standard, lambda: patterns.vertical_edge(standard, frames))
    return measure_time.edge_places(fields(bench.play(source, standard, settings, **options).y))


@row("jitter.line")
def jitter_line(bench):
    """Line jitter: rms difference of neighbouring lines within 5 % (1000 fields), neighbours independent"""
    frames = 20 if bench.quick else 500
    for standard in (NTSC, PAL):
        for ns in (25,) if bench.quick else (10, 40, 25):
            got = places(bench, standard, {"jitter.line_ns": ns}, frames)
            wrong = places(bench, standard, {"jitter.line_ns": ns * 0.9}, 20)
            yield Reading(f"{standard.name}, jitter.line_ns={ns}", "ns", **percent(ns, 5), measured=measure_time.line_jitter_ns(got),
                          control=measure_time.line_jitter_ns(wrong), control_how="10 % less")


@row("jitter.field")
def jitter_field(bench):
    """Drum-rate time base: median peak-to-peak within 5 %, its spectrum peaks at the drum's rate, neighbouring lines go together"""
    frames = 40 if bench.quick else 500
    for standard in (NTSC, PAL):
        for us in (2,) if bench.quick else (1, 2, 5):
            got = places(bench, standard, {"jitter.field_us": us}, frames)
            wrong = places(bench, standard, {"jitter.field_us": us * 0.9}, 40)
            yield Reading(f"{standard.name}, jitter.field_us={us}: median p-p", "µs", **percent(us, 5), measured=measure_time.field_jitter_us(got),
                          control=measure_time.field_jitter_us(wrong), control_how="10 % less")
        noise = places(bench, standard, {"jitter.line_ns": 40}, 20)
        yield Reading(f"{standard.name}: drum harmonics over what lies between", "dB", **at_least(10), measured=measure_time.drum_peak_db(got, standard.field_lines),
                      control=measure_time.drum_peak_db(noise, standard.field_lines), control_how="line jitter only")
        yield Reading(f"{standard.name}: correlation of neighbouring lines", "", **at_least(0.95), measured=measure_time.neighbour_correlation(got),
                      control=measure_time.neighbour_correlation(noise), control_how="line jitter only")


@row("headswitch")
def headswitch(bench):
    """Head switch: first disturbed line exact (6.5 H before vertical sync), none above, decay of the television's AFC within 5 %"""
    for standard in (NTSC, PAL):
        first = standard.height // 2 - int(numpy.ceil(standard.switch))
        ramp = bench.source("ramp", standard, lambda: patterns.ramps(standard, 2))
        off = fields(bench.play(ramp, standard, {}).y)
        on = fields(bench.play(ramp, standard, {"headswitch": "on", "headswitch.step_us": 5}).y)
        found = measure_time.first_difference(off, on) or (-1, -1)
        none = measure_time.first_difference(off, off) or (-1, -1)
        yield Reading(f"{standard.name}: first disturbed line of the field (from 0)", "", **exactly(first), measured=found[0], control=none[0], control_how="off")
        # 3.5 lines: in the middle of a line, whose 63.6 us begin 9 us before its picture
        low, high = ((300, 430) if standard is NTSC else (0, 70))
        yield Reading(f"{standard.name}: first disturbed column of it", "", low, high, found[1], none[1], "off")
        for us in (5,) if bench.quick else (1.5, 5, 9):
            shown = lambda settings: measure_time.edge_places(fields(bench.show(patterns.vertical_edge(standard, 2), settings).y), 240)
            shift = (shown({"headswitch": "on", "headswitch.step_us": us}) - shown({})).mean(axis=0)
            below = shift[first + (1 if standard is NTSC else 0):]
            start = abs(below[0]) * measure_time.US_PER_SAMPLE * (numpy.exp(0.5 / 12) if standard is NTSC else 1)
            yield Reading(f"{standard.name}, headswitch.step_us={us}: displacement at the switch", "µs", **percent(us, 5), measured=float(start),
                          control=float(abs(shift[first - 10]) * measure_time.US_PER_SAMPLE), control_how="above the switch")
            yield Reading(f"{standard.name}, headswitch.step_us={us}: decay", "lines", **percent(12, 5), measured=measure_time.decay_lines(below),
                          control=measure_time.decay_lines(shift[first - 10:first - 4]), control_how="above the switch", estimated=True)
        above = numpy.abs(shift[:first]).max()
        yield Reading(f"{standard.name}: largest displacement above the switch", "samples", **at_most(0.02), measured=float(above),
                      control=float(numpy.abs(shift).max()), control_how="whole field")


@row("headswitch.wander")
def headswitch_wander(bench):
    """The head switch is never twice in the same place: within what is set and the tolerance of 1.5 lines, another in each field"""
    fields_of = 20 if bench.quick else 120
    for standard in (NTSC, PAL):
        ramp = bench.source(f"ramp{fields_of}", standard, lambda: patterns.ramps(standard, fields_of // 2))
        off = fields(bench.play(ramp, standard, {}).y)
        def place(lines):
            on = fields(bench.play(ramp, standard, {"headswitch": "on", "headswitch.step_us": 5, "headswitch.wander_lines": lines}).y)
            found = [measure_time.first_difference(a[None], b[None]) or (0, 0) for a, b in zip(off, on)]  # (0, 0): no switch to be seen, which passes nothing
            return numpy.array([line + ((column + 114) / standard.line_samples if column else 0) for line, column in found])  # picture begins 114 samples into a line
        for lines in (0.4,) if bench.quick else (0.4, 1):
            moved, still = place(lines), place("off")
            far = lambda at: float(numpy.abs(at - (standard.height / 2 - standard.switch)).max())
            yield Reading(f"{standard.name}, headswitch.wander_lines={lines}: farthest from 6.5 H before vertical sync", "lines", 0.1 * lines, lines + 0.16, far(moved), far(still + 2), "two lines off")
            step = lambda at: float(numpy.abs(numpy.diff(at)).mean())
            yield Reading(f"{standard.name}, headswitch.wander_lines={lines}: movement from field to field", "lines", 0.1 * lines, 0.6 * lines, step(moved), step(still), "off", estimated=True)


@row("capstan.tie")
def capstan_tie(bench):
    """Picture and sound under one capstan error: correlation of the picture's place with the tone's pitch above 0.95"""
    import measure_sound
    frames = 60 if bench.quick else 150
    settings = {"capstan.error_percent": 1}
    for standard in (NTSC, PAL):
        place = places(bench, standard, settings, frames, seed=11).mean(axis=1)
        seconds = frames * standard.rate_den / standard.rate_num
        heard = lambda seed: bench.hear(patterns.tone(3150, seconds), {**settings, "audio.track": "linear"}, standard=standard.name, seed=seed)[:, 0]
        match = lambda seed: best_correlation(place, measure_sound.speed_error(heard(seed), 3150), 1000 * seconds / len(place))
        yield Reading(f"{standard.name}: correlation over {len(place)} fields", "", **at_least(0.95), measured=match(11), control=match(12), control_how="another tape's sound")


def best_correlation(place, error, step):
    """Largest absolute correlation of values a field with values a millisecond (averaged over each field), the sound up to 12 ms late."""
    best = 0.0
    for late in range(0, 13, 2):
        mean = numpy.array([error[int(i * step) + late:int((i + 1) * step) + late].mean() for i in range(2, len(place) - 3)])
        best = max(best, abs(float(numpy.corrcoef(place[2:-3], mean)[0, 1])))
    return best
