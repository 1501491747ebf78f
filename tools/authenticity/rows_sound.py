"""rows_sound.py - rows of the table: linear and Hi-Fi sound."""
import numpy

import measure_sound
import patterns
from reading import Reading, around, at_least, at_most, percent, row
from standard import NTSC, PAL

TONES = numpy.concatenate([[1000.0], numpy.geomspace(2500, 15000, 27)])
LINEAR = {"audio.track": "linear"}
QUIET = {"audio.track": "linear", "audio.flutter_percent": "off", "audio.hiss_db": "off", "audio.buzz_db": "off", "capstan.error_percent": "off"}


def corner(bench, settings, **options):
    """-3 dB point of rendered tones."""
    heard = bench.hear(patterns.stepped_tones(TONES, 0.2), settings, **options)[:, 0]
    return measure_sound.upper_corner(TONES, measure_sound.stepped_response(heard, TONES, 0.2))


@row("audio.response")
def audio_response(bench):
    """Linear track: -3 dB point within 5 %"""
    for hz in (10000,) if bench.quick else (5000, 7000, 10000):
        set_to = lambda f: {**LINEAR, "audio.linear_high_hz": f}
        yield Reading(f"audio.linear_high_hz={hz}: -3 dB", "Hz", **percent(hz, 5), measured=corner(bench, set_to(hz)), control=corner(bench, set_to(round(hz * 0.85))), control_how="15 % lower")


@row("audio.speeds")
def audio_speeds(bench):
    """Linear track of the reference profile by tape speed: 10, 7, 5 kHz"""
    for speed, hz in (("sp", 10000), ("lp", 7000), ("ep", 5000)):
        heard = lambda s: corner(bench, QUIET, profile="reference", tape_speed=s, standard="ntsc")
        yield Reading(f"reference, {speed}: -3 dB", "Hz", **percent(hz, 5), measured=heard(speed), control=heard("ep" if speed != "ep" else "sp"), control_how="another speed", estimated=speed != "sp")


@row("audio.hiss")
def audio_hiss(bench):
    """Linear track: hiss below a full-scale sine, A-weighted, within 1 dB; buzz at the field rate"""
    seconds = 3 if bench.quick else 10
    for db in (44,) if bench.quick else (40, 44, 46):
        level = lambda d: measure_sound.hiss_db(bench.hear(patterns.silence(seconds), {**LINEAR, "audio.hiss_db": d})[:, 0])
        yield Reading(f"audio.hiss_db={db}", "dB(A)", **around(db, 1), measured=level(db), control=level(db + 3), control_how="3 dB less")
    for standard, hz in ((NTSC, 60000 / 1001), (PAL, 50.0)):
        buzz = lambda d: measure_sound.comb_level_db(bench.hear(patterns.silence(4), {**LINEAR, "audio.buzz_db": d}, standard=standard.name)[:, 0], hz)
        yield Reading(f"{standard.name}, audio.buzz_db=50: harmonics of the field rate together", "dB", **around(50, 6), measured=buzz(50), control=buzz("off"), control_how="off", estimated=True)


@row("audio.flutter")
def audio_flutter(bench):
    """Wow and flutter (3150 Hz, IEC 386 weighted rms): linear within 10 %, Hi-Fi below 0.01 %"""
    seconds = 10 if bench.quick else 30
    tone = patterns.tone(3150, seconds)
    played = lambda settings: measure_sound.flutter_wrms(bench.hear(tone, settings)[:, 0])
    for wanted in (0.18,) if bench.quick else (0.15, 0.18, 0.4):
        yield Reading(f"audio.flutter_percent={wanted}", "% WRMS", **percent(wanted, 10), measured=played({**LINEAR, "audio.flutter_percent": wanted}),
                      control=played({**LINEAR, "audio.flutter_percent": round(wanted * 0.8, 3)}), control_how="20 % less")
    both = {"audio.flutter_percent": 0.18, "capstan.error_percent": 0.6}
    yield Reading("Hi-Fi", "% WRMS", **at_most(0.01), measured=played({"audio.track": "hifi", **both}), control=played({**LINEAR, **both}), control_how="linear")


@row("audio.hifi")
def audio_hifi(bench):
    """Hi-Fi: 20 Hz to 20 kHz within 1 dB, 90 dB range, clicks at the field rate when set"""
    hz = numpy.array([20.0, 40, 100, 300, 1000, 3000, 8000, 12000, 16000, 20000])
    def ripple(settings):
        level = measure_sound.stepped_response(bench.hear(patterns.stepped_tones(hz, 0.5), settings)[:, 0], hz, 0.5)
        return float(numpy.abs(20 * numpy.log10(numpy.maximum(level, 1e-6) / level[4])).max())
    hifi = {"audio.track": "hifi"}
    yield Reading("largest departure from flat, 20 Hz to 20 kHz", "dB", **at_most(1), measured=ripple(hifi), control=ripple({**LINEAR, "audio.linear_high_hz": 10000}), control_how="linear")
    silent = lambda settings: measure_sound.hiss_db(bench.hear(patterns.silence(3), settings)[:, 0])
    yield Reading("noise below a full-scale sine", "dB(A)", **at_least(90), measured=silent(hifi), control=silent({**LINEAR, "audio.hiss_db": 44}), control_how="linear")
    for standard, rate in ((NTSC, 60000 / 1001), (PAL, 50.0)):
        comb = lambda settings: measure_sound.comb_db(bench.hear(patterns.silence(4), settings, standard=standard.name)[:, 0], rate)
        yield Reading(f"{standard.name}, audio.hifi_click_db=50: harmonics of the field rate over what lies between", "dB", **at_least(20),
                      measured=comb({**hifi, "audio.hifi_click_db": 50}), control=comb({**LINEAR, "audio.hiss_db": 44}), control_how="hiss")


@row("audio.mute")
def audio_mute(bench):
    """Sound is muted in search and still"""
    level = lambda **o: float(numpy.abs(bench.hear(patterns.tone(1000, 2), LINEAR, **o)).max(initial=0.0))
    for name, said in (("cue 5", {"mode": "cue", "speed": 5}), ("review -3", {"mode": "review", "speed": -3})):
        yield Reading(f"{name}: loudest sample", "of full scale", **at_most(0.001), measured=level(**said), control=level(), control_how="play")
