"""bench.py - `vcr dub` as a black box: patterns in as y4m or WAV, rendered pictures and sound out. Nothing of the program's inside is known here."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import clip

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class DubError(RuntimeError):
    """vcr dub refused or failed; the text is its own."""


def find_vcr():
    """The program: $VCR, or in $VCR_RELEASE, or build/vcr."""
    named = os.environ.get("VCR") or os.path.join(os.environ.get("VCR_RELEASE") or ROOT / "build", "vcr")
    return str(named) if os.access(named, os.X_OK) else None


class Bench:
    """Keeps its patterns in a temporary folder; what was rendered is forgotten at once. quick: fewer fields, fewer values."""

    def __init__(self, vcr, quick, scratch=None):
        self.vcr, self.quick = vcr, quick
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vcr-authenticity-", dir=scratch))
        self.kept = {}

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, source, target, settings, options):
        """profile defaults to none: a stage is measured alone. settings: name -> value."""
        words = [self.vcr, "dub", str(source), str(target), "--profile", str(options.get("profile", "none"))]
        for name, value in options.items():
            if name != "profile" and value is not None:
                words += ["--" + name.replace("_", "-"), str(value)]
        for name, value in (settings or {}).items():
            words += ["--set", f"{name}={value}"]
        return words

    def run(self, words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise DubError(f"{' '.join(words[4:])}: {lines[-1] if lines else 'status %d' % done.returncode}")
        return done.stdout

    def source(self, name, standard, make):
        """The y4m file of a pattern, made once."""
        path = self.folder / f"{name}-{standard.name}.y4m"
        if not path.exists():
            clip.write_y4m(path, make())
        return path

    def play(self, source, standard, settings=None, **options):
        """A file through the deck, read back as pictures."""
        target = self.folder / "out.y4m"
        try:
            self.run(self.command(source, target, settings, {"standard": standard.name, **options}))
            return clip.read_y4m(target, standard)
        finally:
            target.unlink(missing_ok=True)

    def show(self, made, settings=None, **options):
        """A pattern through the deck."""
        source = self.folder / "in.y4m"
        clip.write_y4m(source, made)
        try:
            return self.play(source, made.standard, settings, **options)
        finally:
            source.unlink()

    def hear(self, sound, settings=None, **options):
        """Sound through the deck: [sample, channel]."""
        source, target = self.folder / "in.wav", self.folder / "out.wav"
        clip.write_wav(source, sound)
        try:
            self.run(self.command(source, target, settings, options))
            return clip.read_wav(target)
        finally:
            source.unlink()
            target.unlink(missing_ok=True)

    def digest(self, source, standard, **options):
        """SHA-256 of the pictures that a file gives."""
        target = self.folder / "out.y4m"
        try:
            self.run(self.command(source, target, None, {"standard": standard.name, **options}))
            return hashlib.sha256(target.read_bytes()).hexdigest()
        finally:
            target.unlink(missing_ok=True)

    def values(self, **options):
        """Settings in force: name -> value (None: off), as --list-settings says."""
        words = [self.vcr, "dub", "--list-settings", "--json"]
        for name, value in options.items():
            words += ["--" + name.replace("_", "-"), str(value)]
        return {s["name"]: s["value"] for s in json.loads(self.run(words))["settings"]}

    def profiles(self):
        """Names of the profiles, none left out."""
        listed = json.loads(self.run([self.vcr, "dub", "--list-profiles", "--json"]))
        names = [p["name"] if isinstance(p, dict) else p for p in listed["profiles"]]
        return [n for n in names if n != "none"]
