"""rows_whole.py - rows of the table that are about the whole: identity, generations, instruction sets, limiter, the profiles' own figures, speed."""
import json
import os

import numpy

import clip
import measure_colour
import measure_luma
import patterns
import rows_colour
import rows_luma
from bench import DubError
from reading import Reading, around, at_least, at_most, exactly, percent, row
from standard import CHROMA_HZ, LUMA_HZ, NTSC, PAL, frame_hz

ISAS = ("scalar", "sse2", "ssse3", "avx2", "avx512")


@row("identity")
def identity(bench):
    """Profile none changes no byte of the picture and no sample of the sound; a stage set to off is as good as never set"""
    for standard in (NTSC, PAL):
        made = patterns.ramps(standard, 3)
        source = bench.source("identity", standard, lambda: made)
        digests = [bench.digest(source, standard, profile=p) for p in ("none", "family")]
        import hashlib
        own = hashlib.sha256(source.read_bytes()).hexdigest()
        yield Reading(f"{standard.name}: whole file unchanged", "", **exactly(1), measured=float(digests[0] == own), control=float(digests[1] == own), control_how="family")
    off = {n: "off" for n in bench.values(profile="family", standard="ntsc", tape_speed="sp")}
    same = lambda settings: float(bench.show(made, settings, profile="family").same(made))
    yield Reading("pal: family with every amount off is none", "", **exactly(1), measured=same(off), control=same({}), control_how="family")
    sound = patterns.stepped_tones([100, 1000, 10000])
    change = lambda **o: float(numpy.abs(bench.hear(sound, **o) - numpy.clip(numpy.rint(sound * 32767), -32768, 32767) / 32767).max())
    yield Reading("sound: largest change", "", **exactly(0), measured=change(), control=change(profile="family"), control_how="family")


@row("generation")
def generation(bench):
    """Generations: responses multiply, delays add, noise powers add; the picture is peaked where it is looked at, not in every copy"""
    passes = (1,) if bench.quick else (1, 2, 3, 5)
    for standard in (NTSC, PAL):
        sets = {"luma.mtf": "sp"}
        one = numpy.abs(rows_luma.response(bench, standard, sets))
        low = rows_luma.BURSTS < 3.1e6
        late = {"chroma.bandwidth_khz": 500, "chroma.delay_ns": 150}
        noise = lambda g: measure_luma.noise_db(clip.fields(bench.show(patterns.flat(standard, 4), {"noise.luma_db": 46}, generation=g).y)[:, 4:-6])
        delay = lambda g: measure_colour.delay_ns(rows_colour.BURSTS, measure_luma.burst_response(
            clip.fields(bench.show(patterns.chroma_multiburst(standard, 1, rows_colour.BURSTS), late, generation=g).u), rows_colour.BURSTS, CHROMA_HZ, 80))
        first, first_delay = noise(0), delay(0)
        sharp = lambda g: numpy.abs(rows_luma.response(bench, standard, {"luma.peaking_db": 4}, generation=g))
        peaked = sharp(0)
        for g in passes:
            got = numpy.abs(rows_luma.response(bench, standard, sets, generation=g))
            far = lambda r: float(numpy.abs(r - one ** (g + 1))[low].max())
            yield Reading(f"{standard.name}, generation {g}: largest departure of the response from the product", "", **at_most(0.02), measured=far(got), control=far(one), control_how="generation 0")
            yield Reading(f"{standard.name}, generation {g}: delay of colour", "ns", **around(150 * (g + 1), 10), measured=delay(g), control=first_delay, control_how="generation 0")
            yield Reading(f"{standard.name}, generation {g}: noise added", "dB", **around(10 * numpy.log10(g + 1), 0.5), measured=first - noise(g), control=0.0, control_how="generation 0")
            off = lambda r: float(numpy.abs(r - peaked)[low].max())
            yield Reading(f"{standard.name}, generation {g}: largest departure of the response from one peaking", "", **at_most(0.03), measured=off(sharp(g)),
                          control=off(peaked ** (g + 1)), control_how="a peaking a pass")


@row("isa")
def isa(bench):
    """Every instruction set gives the same bytes, and the same input the same bytes twice"""
    for standard in (NTSC, PAL):
        modes = ({"mode": "play"}, {"mode": "cue", "speed": 5})
        modes = modes[:1] if bench.quick and standard is NTSC else modes[1:] if bench.quick else modes
        source = bench.source("isa", standard, lambda: patterns.bars(standard, 12))
        first = [bench.digest(source, standard, profile="rental", frames=2, **m) for m in modes]
        again = [bench.digest(source, standard, profile="rental", frames=2, **m) for m in modes]
        other = [bench.digest(source, standard, profile="rental", frames=2, seed=9, **m) for m in modes]
        equal = lambda digests: float(digests == first)
        yield Reading(f"{standard.name}: the same twice", "", **exactly(1), measured=equal(again), control=equal(other), control_how="another seed")
        for name in ISAS:
            try:
                got = [bench.digest(source, standard, profile="rental", frames=2, isa=name, **m) for m in modes]
            except DubError as e:
                if "processor" in str(e) or "cpu" in str(e).lower():
                    continue  # not of this machine
                raise
            yield Reading(f"{standard.name}: {name}", "", **exactly(1), measured=equal(got), control=equal(other), control_how="another seed")


def most_flashes(means, rate):
    """The most pairs of opposing changes of 10 % of white or more (the darker below 80 %) in any second, by the frames' mean light."""
    light = numpy.clip((means - 16) / 219, 0, 1) ** 2.2
    turns, ref, way = [], light[0], 0
    for i, v in enumerate(light):
        if way >= 0 and v < ref - 0.1 or way <= 0 and v > ref + 0.1:
            if min(v, ref) < 0.8:
                turns.append(i)
            way, ref = (1 if v > ref else -1), v
        elif way > 0:
            ref = max(ref, v)
        elif way < 0:
            ref = min(ref, v)
    turns = numpy.array(turns)
    return max((int(((turns >= t) & (turns < t + rate)).sum()) // 2 for t in turns), default=0)


@row("limiter")
def limiter(bench):
    """Limiter: no more than three flashes a second (WCAG 2.3.1), the source's own included"""
    for standard in (NTSC, PAL):
        source = bench.source("flashes", standard, lambda: patterns.flashes(standard, 60, 8))
        count = lambda settings: float(most_flashes(bench.play(source, standard, settings).y.mean(axis=(1, 2)), frame_hz(standard)))
        yield Reading(f"{standard.name}: flashes in any second of a source that has 8", "", **at_most(3), measured=count({"limiter": "on"}), control=count({"limiter": "off"}), control_how="off")


@row("counter")
def counter(bench):
    """The display's counter counts control pulses, one a frame: it changes every 30 (NTSC) or 25 (PAL) frames, and not while the tape stands"""
    for standard, frames in ((NTSC, 30), (PAL, 25)):
        source = bench.source("counter", standard, lambda: patterns.flat(standard, 3 * frames))
        def changes(**options):
            y = bench.play(source, standard, {}, osd="on", frames=3 * frames, **options).y[:, standard.height // 7:standard.height // 3].astype(int)
            return numpy.flatnonzero(numpy.array([numpy.abs(b - a).max() for a, b in zip(y, y[1:])]) > 40)
        between = lambda at: float(numpy.diff(at).mean()) if len(at) > 1 else 0.0
        yield Reading(f"{standard.name}: frames between changes", "", **around(frames, 0.5), measured=between(changes()), control=between(changes(mode="still")), control_how="still")


ALONE = ("track.bend_um", "luma.peaking_db", "luma.emphasis", "noise.chroma_am_db", "noise.chroma_pm_deg", "jitter.line_ns", "jitter.field_us", "headswitch", "headswitch.step_us",
         "dropout.per_minute", "capstan.error_percent", "chroma.crosstalk_db", "chroma.phase_deg", "limiter")


@row("profiles", quick=False)
def profiles(bench):
    """Each profile, standard and tape speed plays what it says: luma corner, luma noise, colour corner"""
    for name in bench.profiles():
        for standard in (NTSC, PAL):
            for speed in ("sp",) if bench.quick else ("sp", "lp", "ep") if standard is NTSC else ("sp", "lp"):
                said = bench.values(profile=name, standard=standard.name, tape_speed=speed)
                off = {n: "off" for n in ALONE if n in said}
                options = {"profile": name, "tape_speed": speed}
                title = f"{name}, {standard.name}, {speed}: "
                if said.get("luma.mtf"):
                    corner = lambda more: measure_luma.corner_hz(rows_luma.BURSTS, rows_luma.response(bench, standard, {**off, "noise.luma_db": "off", **more}, **options)) / 1e6
                    yield Reading(title + "luma -3 dB", "MHz", **percent(said["luma.mtf"], 2), measured=corner({}), control=corner({"luma.mtf": "off"}), control_how="off")
                if said.get("noise.luma_db"):
                    level = lambda more: measure_luma.noise_db(clip.fields(bench.show(patterns.flat(standard, 4), {**off, **more}, **options).y)[:, 4:-6])
                    yield Reading(title + "luma noise", "dB", **around(said["noise.luma_db"], 0.3), measured=level({}), control=level({"noise.luma_db": "off"}), control_how="off")


@row("speed", quick=False)
def speed(bench):
    """Speed of the picture stage alone, all of family on, one thread: the best of some runs, as others use this machine. The limiter of flashes, which looks at the finished picture, apart"""
    tries = 10
    for standard in (NTSC,):
        source = bench.source("speed", standard, lambda: patterns.bars(standard, 120))
        target = bench.folder / "speed.y4m"
        def fps(name, enough, more=()):
            best = 0.0
            for _ in range(tries):
                said = bench.run([bench.vcr, "dub", str(source), str(target), "--profile", "family", "--isa", name, "--stats", "--json", *more])
                best = max(best, json.loads(said)["signal_fps"])
                os.unlink(target)
                if best >= 1.1 * enough:
                    break
            return best
        off = ("--set", "limiter=off")
        plain = fps("scalar", 1)
        for name, least in (("sse2", 250), ("ssse3", 500), ("avx2", 2000)):
            try:
                yield Reading(f"{standard.name}, family, {name}", "fps", **at_least(least), measured=fps(name, least, off), control=plain, control_how="scalar")
            except DubError:
                continue
        try:
            yield Reading(f"{standard.name}, family, avx2, with the limiter", "fps", **at_least(1600), measured=fps("avx2", 1600), control=plain, control_how="scalar", estimated=True)
        except DubError:
            return
