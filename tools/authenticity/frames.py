"""frames.py - one frame of every profile and mode, clean beside tape, as JPEG: for comparing with a real deck. Needs python3-pil and forensics-samples-files."""
import pathlib

import numpy
from PIL import Image

import patterns
from clip import Clip, fields, unfields
from standard import NTSC, PAL

# Photographs by Joao Eriberto Mota Filho, CC-BY-SA-4.0, from Debian's forensics-samples-files.
FOLDER = pathlib.Path("/usr/share/forensics-samples/original-files")
PHOTOS = ("pic2/IMG_20191224_234846.jpg", "pic1/IMG-20191006-WA0002.jpg", "pic1/IMG_1054.JPG", "pic2/IMG_20200608_111614.jpg")

# name, what it shows, options, settings, at which output frame, of how many
SHOTS = (
    ("play", "PLAY, a family's cassette", {}, {}, 6, 8),
    ("play-lp", "PLAY in LP", {"tape_speed": "lp"}, {}, 6, 8),
    ("play-ep", "PLAY in EP", {"tape_speed": "ep"}, {}, 6, 8),
    ("play-osd", "PLAY with the deck's display", {"osd": "on"}, {}, 6, 8),
    ("play-worn", "PLAY of a worn tape", {"wear": 1}, {}, 6, 8),
    ("play-third-copy", "PLAY of a copy of a copy of a copy", {"generation": 3}, {}, 6, 8),
    ("play-no-compensator", "PLAY, 5000 dropouts a minute, no compensator", {}, {"dropout.per_minute": 5000, "dropout.compensator": "off"}, 6, 8),
    ("play-recorded-over", "PLAY, the first second of a recording over another one", {"recorded_over": "on"}, {}, 6, 8),
    ("tracking-off", "PLAY with the tracking turned away", {"tracking": 7}, {}, 6, 8),
    ("cue-3", "CUE, 3 times", {"mode": "cue", "speed": 3}, {}, 4, 6),
    ("cue-5", "CUE, 5 times", {"mode": "cue", "speed": 5}, {}, 4, 6),
    ("cue-9", "CUE, 9 times", {"mode": "cue", "speed": 9}, {}, 4, 6),
    ("cue-5-lp", "CUE of an LP tape, 5 times", {"mode": "cue", "speed": 5, "tape_speed": "lp"}, {}, 4, 6),
    ("cue-9-ep", "CUE of an EP tape, 9 times", {"mode": "cue", "speed": 9, "tape_speed": "ep"}, {}, 4, 6),
    ("review-3", "REVIEW, 3 times", {"mode": "review", "speed": -3}, {}, 4, 6),
    ("review-7", "REVIEW, 7 times", {"mode": "review", "speed": -7}, {}, 4, 6),
    ("still", "STILL", {"mode": "still", "osd": "on"}, {}, 4, 6),
    ("still-four-heads", "STILL of a deck with four heads", {"mode": "still", "osd": "on"}, {"still.pair": "on"}, 4, 6),
    ("slow", "SLOW, a fifth", {"mode": "slow", "speed": 0.2}, {}, 7, 9),
    ("stop", "STOP", {"mode": "stop", "osd": "on"}, {}, 4, 6),
)


def panorama(height):
    """The photographs side by side, so many rows high."""
    parts = []
    for name in PHOTOS:
        with Image.open(FOLDER / name) as photo:
            photo = photo.convert("RGB")
            parts.append(numpy.asarray(photo.resize((photo.width * height // photo.height, height), Image.LANCZOS)))
    return numpy.concatenate(parts, axis=1).astype(float)


def to_yuv(rgb):
    """BT.601, video range."""
    r, g, b = (rgb[..., i] / 255 for i in range(3))
    return [numpy.clip(numpy.rint(p), 1, 254).astype(numpy.uint8) for p in patterns.colour(r, g, b)]


def pan(standard, frames, pixels):
    """The camera goes along the photographs, `pixels` columns a frame, a new place for every field."""
    h, w = standard.height, standard.width
    y, u, v = to_yuv(panorama(h))
    fields_of = [[], [], []]
    for f in range(2 * frames):
        left = (f * pixels // 2) // 2 * 2
        fields_of[0].append(y[f % 2::2, left:left + w])
        for i, plane in ((1, u), (2, v)):
            small = plane[:, left:left + w].reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3))
            fields_of[i].append(numpy.rint(small[f % 2::2]).astype(numpy.uint8))
    return Clip(standard, *(unfields(numpy.array(p)) for p in fields_of))


def to_image(clip, frame):
    """A picture of 4:3, colour interpolated within its field."""
    y = clip.y[frame].astype(float)
    colour = []
    for plane in (clip.u, clip.v):
        each = [numpy.asarray(Image.fromarray(f).resize((y.shape[1], y.shape[0] // 2), Image.BILINEAR)) for f in fields(plane[frame:frame + 1])]
        colour.append(unfields(numpy.array(each))[0].astype(float) - 128)
    y = (y - 16) * 255 / 219
    u, v = (c * 255 / 224 for c in colour)
    rgb = numpy.stack([y + 1.402 * v, y - 0.344 * u - 0.714 * v, y + 1.772 * u], axis=2)
    image = Image.fromarray(numpy.clip(numpy.rint(rgb), 0, 255).astype(numpy.uint8))
    return image.resize((image.height * 4 // 3, image.height), Image.LANCZOS)


def beside(left, right):
    """Two pictures side by side."""
    both = Image.new("RGB", (left.width + right.width + 8, left.height), "white")
    both.paste(left, (0, 0))
    both.paste(right, (left.width + 8, 0))
    return both


def shoot(bench, made, source, folder, name, options, settings, at, count):
    """Saves one pair; the clean frame is the one that the tape is at."""
    played = bench.play(source, made.standard, settings, frames=count, **options)
    at = min(at, len(played) - 1)
    speed = {"still": 0, "stop": 0, "slow": 0.2}.get(options.get("mode"), options.get("speed", 1))
    place = int(at * speed) if speed >= 0 else len(made) - 1 + int(at * speed)
    beside(to_image(made, min(max(place, 0), len(made) - 1)), to_image(played, at)).save(folder / f"{name}.jpg", quality=68, optimize=True)


def jobs_of(profiles):
    """Everything that is shot: standard, file's name, text, options, settings, frame, frames."""
    jobs = [(NTSC, f"mode-{n}", t, {"profile": "family", **o}, s, at, c) for n, t, o, s, at, c in SHOTS]
    jobs += [(NTSC, f"profile-{p}", f"profile {p}, NTSC", {"profile": p}, {}, 6, 8) for p in profiles]
    return jobs + [(PAL, "pal-family", "profile family, PAL", {"profile": "family"}, {}, 6, 8),
                   (PAL, "pal-cue-5", "CUE in PAL, 5 times", {"profile": "family", "mode": "cue", "speed": 5}, {}, 4, 6)]


def shot_before(bench, folder):
    """What is there from an earlier run, as shoot_all tells it."""
    return [(name + ".jpg", text, None) for _, name, text, *_ in jobs_of(bench.profiles()) if (folder / f"{name}.jpg").exists()]


def shoot_all(bench, folder):
    """[(file, text, trouble)] of every shot; trouble: what vcr dub said instead."""
    folder.mkdir(parents=True, exist_ok=True)
    done = []
    made = {(s, p): pan(s, 60 if p > 5 else 12, p) for s in (NTSC, PAL) for p in (2, 12)}  # faster for search: the bands differ
    for standard, name, text, options, settings, at, count in jobs_of(bench.profiles()):
        pixels = 12 if options.get("mode") in ("cue", "review") else 2
        film = made[standard, pixels]
        source = bench.source(f"pan{pixels}", standard, lambda: film)
        try:
            shoot(bench, film, source, folder, name, options, settings, at, count)
            done.append((name + ".jpg", text, None))
        except RuntimeError as e:
            done.append((None, text, str(e)))
    return done
