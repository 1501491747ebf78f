"""osd_font.py > src/signal/font_dots.inc - draws the character generator's font: strokes of a pen two dots wide, on cells of 12 by 18 dots.

A glyph is strokes "x,y x,y ..." of the pen's centre, "F ..." fills a polygon, "E ..." rubs one out, "C x,y,r" is a disc, over a body of 10 by 14 dots that begins one dot into
the cell: capitals stand from 0 to 14, small letters from 4 on, descenders end at 16; one dot is left all around for the black edge. With --show it prints them."""
import sys

WIDTH, HEIGHT, FINE = 12, 18, 8

SIGNS = [  # 0x01 on; the order is that of SIGNAL_OSD_* in signal/signal.h
    ("PLAY", "F 0,0 10,7 0,14"), ("PAUSE", "F 1,1 4,1 4,13 1,13|F 6,1 9,1 9,13 6,13"), ("STOP", "F 0,2 10,2 10,12 0,12"), ("FF", "F 0,0.5 11,7 0,13.5"),
    ("REW", "F 10,0.5 -1,7 10,13.5"), ("REC", "C 5,7,5"), ("SLOW", "F 0,1 2,1 2,13 0,13|F 4,1 10,7 4,13"), ("EJECT", "F 5,0 10,8 0,8|F 0,10 10,10 10,13 0,13"),
    ("CASSETTE", "F -1,2 11,2 11,12 -1,12|E 0,3 10,3 10,11 0,11|C 2.5,6.5,2|C 7.5,6.5,2|F 3,9 7,9 8,12 2,12"),
    ("CLOCK", "C 5,7,6|E 4,3 6,3 6,6 8,6 8,8 4,8"),
    ("MOON", "C 5,7,6|X 8,5,5"), ("REPEAT", "2,10 1,8 1,6 3,4 6,4|F 6,0.5 10,4 6,7.5|9,8 9,10 7,12 3,12"), ("TICK", "F 4,5 6,5 6,9 4,9"), ("MIDDLE", "F 4,2 6,2 6,12 4,12"),
    ("MARK", "F 1,0 9,0 9,14 1,14"), ("STEP", "F 0,1 6,7 0,13|F 7,1 9,1 9,13 7,13"),
]
TEXT = {
    "!": "5,1 5,8|5,13", '"': "3,1 3,4|7,1 7,4", "#": "3,2 3,12|7,2 7,12|1,5 9,5|1,9 9,9", "$": "9,4 8,3 2,3 1,5 3,7 7,7 9,9 8,11 2,11 1,10|5,1 5,13",
    "%": "9,1 1,13|2,2|8,12", "&": "9,13 2,4 3,1 5,1 6,4 1,9 1,11 3,13 5,13 9,8", "'": "5,1 5,4", "(": "7,1 4,4 4,10 7,13", ")": "3,1 6,4 6,10 3,13",
    "*": "5,3 5,11|2,5 8,9|8,5 2,9", "+": "5,3 5,11|1,7 9,7", ",": "5,12 5,13 4,15", "-": "1,7 9,7", ".": "5,13", "/": "9,1 1,13",
    "0": "4,1 6,1 9,4 9,10 6,13 4,13 1,10 1,4 4,1", "1": "2,4 5,1 5,13|2,13 8,13", "2": "1,3 3,1 7,1 9,3 9,5 1,12 1,13 9,13",
    "3": "1,3 3,1 7,1 9,3 9,5 7,7 4,7|7,7 9,9 9,11 7,13 3,13 1,11", "4": "7,13 7,1 1,8 1,9 9,9", "5": "9,1 1,1 1,6 7,6 9,8 9,11 7,13 3,13 1,11",
    "6": "8,1 5,1 1,5 1,11 3,13 7,13 9,11 9,9 7,7 1,7", "7": "1,1 9,1 9,3 4,10 4,13", "8": "3,7 1,5 1,3 3,1 7,1 9,3 9,5 7,7 3,7 1,9 1,11 3,13 7,13 9,11 9,9 7,7",
    "9": "9,7 3,7 1,5 1,3 3,1 7,1 9,3 9,9 5,13 2,13", ":": "5,5|5,11", ";": "5,5|5,11 4,14", "<": "8,2 2,7 8,12", "=": "1,5 9,5|1,9 9,9", ">": "2,2 8,7 2,12",
    "?": "1,3 3,1 7,1 9,3 9,5 5,8|5,13", "@": "9,12 8,13 3,13 1,11 1,3 3,1 7,1 9,3 9,9 5,9 5,5 9,5",
    "A": "1,13 1,5 5,1 9,5 9,13|1,9 9,9", "B": "1,13 1,1 7,1 9,3 9,5 7,7 1,7|7,7 9,9 9,11 7,13 1,13", "C": "9,3 7,1 3,1 1,3 1,11 3,13 7,13 9,11",
    "D": "1,1 1,13 6,13 9,10 9,4 6,1 1,1", "E": "9,1 1,1 1,13 9,13|1,7 7,7", "F": "9,1 1,1 1,13|1,7 7,7", "G": "9,3 7,1 3,1 1,3 1,11 3,13 7,13 9,11 9,8 6,8",
    "H": "1,1 1,13|9,1 9,13|1,7 9,7", "I": "5,1 5,13|3,1 7,1|3,13 7,13", "J": "8,1 8,11 6,13 3,13 1,11", "K": "1,1 1,13|9,1 3,7 9,13", "L": "1,1 1,13 9,13",
    "M": "1,13 1,1 5,6 9,1 9,13", "N": "1,13 1,1 9,12|9,1 9,13", "O": "3,1 7,1 9,3 9,11 7,13 3,13 1,11 1,3 3,1", "P": "1,13 1,1 7,1 9,3 9,6 7,8 1,8",
    "Q": "3,1 7,1 9,3 9,11 7,13 3,13 1,11 1,3 3,1|6,9 9,13", "R": "1,13 1,1 7,1 9,3 9,5 7,7 1,7|4,7 9,13",
    "S": "9,3 7,1 3,1 1,3 1,5 3,7 7,7 9,9 9,11 7,13 3,13 1,11", "T": "1,1 9,1|5,1 5,13", "U": "1,1 1,11 3,13 7,13 9,11 9,1", "V": "1,1 1,6 5,13 9,6 9,1",
    "W": "1,1 1,13 5,8 9,13 9,1", "X": "1,1 1,2 9,12 9,13|9,1 9,2 1,12 1,13", "Y": "1,1 1,3 5,7 9,3 9,1|5,7 5,13", "Z": "1,1 9,1 9,2 1,12 1,13 9,13",
    "[": "7,1 3,1 3,13 7,13", "\\": "1,1 9,13", "]": "3,1 7,1 7,13 3,13", "^": "2,5 5,1 8,5", "_": "1,14 9,14", "`": "4,1 6,3",
    "a": "2,5 7,5 9,7 9,13|9,9 3,9 1,11 3,13 6,13 9,11", "b": "1,1 1,13|1,7 3,5 7,5 9,7 9,11 7,13 3,13 1,11", "c": "9,7 7,5 3,5 1,7 1,11 3,13 7,13 9,11",
    "d": "9,1 9,13|9,7 7,5 3,5 1,7 1,11 3,13 7,13 9,11", "e": "1,9 9,9 9,7 7,5 3,5 1,7 1,11 3,13 8,13", "f": "8,1 6,1 4,3 4,13|1,6 8,6",
    "g": "9,5 9,13 7,15 2,15|9,7 7,5 3,5 1,7 1,10 3,12 7,12 9,10", "h": "1,1 1,13|1,7 3,5 7,5 9,7 9,13", "i": "5,1|3,5 5,5 5,13|3,13 7,13",
    "j": "6,1|4,5 6,5 6,13 4,15 2,15", "k": "1,1 1,13|8,5 3,9 8,13", "l": "3,1 5,1 5,13|3,13 7,13", "m": "1,5 1,13|1,5 3,5 5,7 5,13|5,7 7,5 9,7 9,13",
    "n": "1,5 1,13|1,7 3,5 7,5 9,7 9,13", "o": "3,5 7,5 9,7 9,11 7,13 3,13 1,11 1,7 3,5", "p": "1,5 1,15|1,7 3,5 7,5 9,7 9,11 7,13 3,13 1,11",
    "q": "9,5 9,15|9,7 7,5 3,5 1,7 1,11 3,13 7,13 9,11", "r": "1,5 1,13|1,8 4,5 7,5 9,7", "s": "8,5 3,5 1,7 3,9 7,9 9,11 7,13 2,13", "t": "4,2 4,11 6,13 8,13|1,5 8,5",
    "u": "1,5 1,11 3,13 6,13 9,10|9,5 9,13", "v": "1,5 1,7 5,13 9,7 9,5", "w": "1,5 1,13 5,9 9,13 9,5", "x": "1,5 9,13|9,5 1,13", "y": "1,5 1,10 3,12 7,12 9,10|9,5 9,13 7,15 2,15",
    "z": "1,5 9,5 1,13 9,13", "{": "8,1 6,1 5,3 5,6 3,7 5,8 5,11 6,13 8,13", "|": "5,1 5,13", "}": "2,1 4,1 5,3 5,6 7,7 5,8 5,11 4,13 2,13", "~": "1,8 3,6 7,8 9,6",
    "\xa1": "5,1|5,6 5,13", "\xa3": "9,3 7,1 5,1 3,3 3,13|1,7 7,7|1,13 9,13", "\xa7": "8,1 3,1 2,3 8,7 8,9 7,9|2,13 7,13 8,11 2,7 2,5 3,5", "\xab": "5,4 2,7 5,10|9,4 6,7 9,10",
    "\xb0": "C 5,4,3.5|X 5,4,1.5", "\xb1": "5,2 5,8|1,5 9,5|1,12 9,12", "\xb2": "3,1 6,1 7,3 3,7 7,7", "\xb7": "5,7", "\xbb": "1,4 4,7 1,10|5,4 8,7 5,10",
    "\xbd": "2,1 2,6|9,1 1,13|5,9 8,9 8,10 5,13 8,13", "\xbf": "5,1|5,6 1,9 1,11 3,13 7,13 9,11", "\xd7": "2,4 8,10|8,4 2,10", "\xf7": "5,3|1,7 9,7|5,11",
    "\xc6": "1,13 1,4 3,1 9,1|5,1 5,13 9,13|1,8 8,8", "\xd8": "3,1 7,1 9,3 9,11 7,13 3,13 1,11 1,3 3,1|9,1 1,13", "\xdf": "1,15 1,3 3,1 6,1 8,3 8,5 6,7 8,8 9,10 7,13 4,13",
    "\xe6": "1,5 5,5 5,13 9,13|5,9 2,9 1,11 2,13 5,13|5,5 8,5 9,7 9,9 5,9", "\xf8": "3,5 7,5 9,7 9,11 7,13 3,13 1,11 1,7 3,5|9,5 1,13",
}
MARKS = {"grave": ("...##.....", "....##...."), "acute": (".....##...", "....##...."), "hat": ("....##....", "..##..##.."), "tilde": ("..###..#..", ".#..###..."), "dots": ("..##..##..", "..##..##.."), "ring": ("...####...", "...#..#...")}
ACCENTS = {"grave": "\xc0A \xc8E \xccI \xd2O \xd9U \xe0a \xe8e \xeci \xf2o \xf9u", "acute": "\xc1A \xc9E \xcdI \xd3O \xdaU \xe1a \xe9e \xedi \xf3o \xfau \xddY \xfdy",
           "hat": "\xc2A \xcaE \xceI \xd4O \xdbU \xe2a \xeae \xeei \xf4o \xfbu", "tilde": "\xc3A \xd1N \xd5O \xe3a \xf1n \xf5o", "dots": "\xc4A \xcbE \xcfI \xd6O \xdcU \xe4a \xebe \xefi \xf6o \xfcu \xffy",
           "ring": "\xc5A \xe5a"}


def points(words):
    return [tuple(float(n) for n in word.split(",")) for word in words]


def near(px, py, path):
    """The distance to a line of points, squared."""
    best = 1e9
    for (ax, ay), (bx, by) in zip(path, path[1:] or path):
        dx, dy = bx - ax, by - ay
        along = ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy) if dx or dy else 0
        along = min(max(along, 0), 1)
        best = min(best, (px - ax - along * dx) ** 2 + (py - ay - along * dy) ** 2)
    return best


def inside(px, py, polygon):
    odd = False
    for (ax, ay), (bx, by) in zip(polygon, polygon[1:] + polygon[:1]):
        if (ay > py) != (by > py) and px < (bx - ax) * (py - ay) / (by - ay) + ax:
            odd = not odd
    return odd


def squares(px, py, path):
    """The pen's square tip where a stroke ends or turns."""
    return any(abs(px - x) < 1 and abs(py - y) < 1 for x, y in path)


def drawn(strokes):
    """18 rows of 12 bits."""
    rows = [[False] * WIDTH for _ in range(HEIGHT)]
    for stroke in strokes.split("|"):
        words = stroke.split()
        how = words.pop(0) if words[0] in "FECX" else "S"
        path = points(words)
        for y in range(HEIGHT):
            for x in range(WIDTH):
                hits = 0
                for fine in range(FINE * FINE):
                    px, py = x - 1 + (fine % FINE + 0.5) / FINE, y - 1 + (fine // FINE + 0.5) / FINE
                    if how in "CX":
                        hits += (px - path[0][0]) ** 2 + (py - path[0][1]) ** 2 <= path[0][2] ** 2
                    elif how in "FE":
                        hits += inside(px, py, path)
                    else:
                        ends = [p for p in (path[0], path[-1])]
                        hits += near(px, py, path) <= 1 or squares(px, py, ends)
                if hits * 2 >= FINE * FINE:
                    rows[y][x] = how in "FCS"
    return rows


def points_of(word):
    return tuple(float(n) for n in word.split(","))


def shrunk(strokes):
    """A capital below its accent: 11 dots high."""
    def lower(word):
        x, y = points_of(word)
        return f"{x},{int(4 + (y - 1) * 0.75 + 0.5)}"
    return "|".join(" ".join(lower(word) for word in stroke.split()) for stroke in strokes.split("|"))


def accented(base, mark):
    strokes = TEXT[base]
    if base == "i":
        strokes = strokes.split("|", 1)[1]
    rows = drawn(shrunk(strokes) if base.isupper() else strokes)
    for y, row in enumerate(MARKS[mark]):
        for x, dot in enumerate(row):
            rows[y + 1][x + 1] = dot == "#"
    return rows


def font():
    """Code -> rows."""
    glyphs = {1 + i: drawn(strokes) for i, (_, strokes) in enumerate(SIGNS)}
    glyphs.update({ord(c): drawn(strokes) for c, strokes in TEXT.items()})
    for mark, pairs in ACCENTS.items():
        glyphs.update({ord(pair[0]): accented(pair[1], mark) for pair in pairs.split()})
    for code, base in ((0xC7, "C"), (0xE7, "c")):
        glyphs[code] = drawn(TEXT[base] + "|5,14 4,15")
    return glyphs


def main():
    glyphs = font()
    if "--show" in sys.argv:
        order = sorted(glyphs)
        for first in range(0, len(order), 12):
            for y in range(HEIGHT):
                print("  ".join("".join("#" if dot else "." for dot in glyphs[code][y]) for code in order[first:first + 12]))
            print()
        return
    print("/* Made by tools/osd_font.py. Rows from the top, the left dot is bit 11. */")
    for code in sorted(glyphs):
        rows = ", ".join(f"0x{sum(dot << (WIDTH - 1 - x) for x, dot in enumerate(row)):x}" if any(row) else "0" for row in glyphs[code])
        print(f"[0x{code:02X}] = {{ {rows} }},")


if __name__ == "__main__":
    main()
