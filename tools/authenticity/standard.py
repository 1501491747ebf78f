"""standard.py - the two rasters and their clocks: what every pattern and measure needs to know of NTSC and PAL."""
from collections import namedtuple

LUMA_HZ = 13.5e6
CHROMA_HZ = 6.75e6
BLACK, WHITE, GREY = 16, 235, 128

# switch: where the heads change over, in lines above the last raster line of a field (6.5 H before vertical sync).
Standard = namedtuple("Standard", "name width height rate_num rate_den line_samples field_lines switch carrier_hz")
NTSC = Standard("ntsc", 720, 480, 30000, 1001, 858, 262.5, 3.5, 629371.0)
PAL = Standard("pal", 720, 576, 25, 1, 864, 312.5, 4.0, 626953.0)
STANDARDS = {"ntsc": NTSC, "pal": PAL}


def frame_hz(standard):
    """Frames a second, which are turns of the drum a second."""
    return standard.rate_num / standard.rate_den


def ns_to_samples(ns):
    """Luma samples in so many nanoseconds of a line of 720."""
    return ns * LUMA_HZ * 1e-9
