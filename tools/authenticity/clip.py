"""clip.py - moving pictures as numpy planes (4:2:0, interlaced by lines), and the small parts of y4m and WAV that the measures need."""
import wave

import numpy

from standard import STANDARDS


class Clip:
    """y[frame, row, column] with u, v at half of both; all uint8. Field 2k is the even rows of frame k, field 2k + 1 the odd ones."""

    def __init__(self, standard, y, u, v):
        self.standard, self.y, self.u, self.v = standard, y, u, v

    def __len__(self):
        return len(self.y)

    def __getitem__(self, frames):
        return Clip(self.standard, self.y[frames], self.u[frames], self.v[frames])

    def same(self, other):
        """Whether every byte is the same."""
        return all(numpy.array_equal(a, b) for a, b in zip((self.y, self.u, self.v), (other.y, other.u, other.v)))


def fields(plane):
    """[frame, row, column] as [field, line, column]: lines by parity."""
    frames, rows, columns = plane.shape
    return plane.reshape(frames, rows // 2, 2, columns).swapaxes(1, 2).reshape(2 * frames, rows // 2, columns)


def unfields(plane):
    """The inverse of fields."""
    count, lines, columns = plane.shape
    return plane.reshape(count // 2, 2, lines, columns).swapaxes(1, 2).reshape(count // 2, 2 * lines, columns)


def write_y4m(path, clip):
    """Top field first, 4:2:0."""
    s = clip.standard
    height, width = clip.y.shape[1:]
    with open(path, "wb") as out:
        out.write(f"YUV4MPEG2 W{width} H{height} F{s.rate_num}:{s.rate_den} It A0:0 C420mpeg2\n".encode())
        for y, u, v in zip(clip.y, clip.u, clip.v):
            out.write(b"FRAME\n")
            for plane in (y, u, v):
                out.write(plane.tobytes())


def read_y4m(path, standard):
    """A whole file of 4:2:0 pictures. ValueError when it is not one, or ends in the middle of a frame."""
    data = numpy.fromfile(path, numpy.uint8)
    end = bytes(data[:256].tobytes()).find(b"\n")
    words = data[:max(end, 0)].tobytes().split()
    if end < 0 or not words or words[0] != b"YUV4MPEG2":
        raise ValueError(f"{path}: no y4m")
    said = {w[:1]: w[1:] for w in words[1:]}
    width, height = int(said[b"W"]), int(said[b"H"])
    half = ((width + 1) // 2) * ((height + 1) // 2)
    size = 6 + width * height + 2 * half
    if not said.get(b"C", b"420").startswith(b"420") or (data.size - end - 1) % size:
        raise ValueError(f"{path}: not whole frames of 4:2:0")
    body = data[end + 1:].reshape(-1, size)
    if len(body) and body[:, :6].tobytes() != b"FRAME\n" * len(body):
        raise ValueError(f"{path}: frame headers with parameters are not read here")
    at = 6 + width * height
    shape = (len(body), (height + 1) // 2, (width + 1) // 2)
    return Clip(STANDARDS[standard] if isinstance(standard, str) else standard, body[:, 6:at].reshape(-1, height, width),
                body[:, at:at + half].reshape(shape), body[:, at + half:].reshape(shape))


def write_wav(path, sound):
    """sound[sample, channel], full scale 1, as 48 kHz int16."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(48000)
        out.writeframes(numpy.clip(numpy.rint(sound * 32767), -32768, 32767).astype("<i2").tobytes())


def read_wav(path):
    """[sample, channel], full scale 1; the rate must be 48 kHz. Sizes in the header may be those of a stream (too large)."""
    with wave.open(str(path), "rb") as file:
        if file.getframerate() != 48000 or file.getsampwidth() != 2:
            raise ValueError(f"{path}: not 48 kHz int16")
        channels = file.getnchannels()
        data = numpy.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, channels) / 32767
    return data if channels == 2 else numpy.repeat(data, 2, axis=1)
