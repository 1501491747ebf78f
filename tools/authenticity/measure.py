"""measure.py - measures the rows of the table, all of them or those whose names contain a word."""
import time

import numpy

import golden  # noqa: F401
import rows_bars  # noqa: F401 - each adds its rows
import rows_colour  # noqa: F401
import rows_damage  # noqa: F401
import rows_luma  # noqa: F401
import rows_sound  # noqa: F401
import rows_time  # noqa: F401
import rows_whole  # noqa: F401
from bench import DubError
from reading import ROWS

numpy.seterr(all="ignore")  # the logarithm of nothing is a reading, too: it does not pass


def wanted(words, quick):
    """Rows in the table's order."""
    return [r for r in ROWS if (r.quick or not quick) and (not words or any(w in r.name for w in words))]


def readings(bench, row):
    """(readings, trouble, seconds): trouble is what vcr dub said when it could not do what the row needs, None otherwise."""
    started, got = time.monotonic(), []
    try:
        for one in row.measure(bench):
            got.append(one)
    except (DubError, ValueError, KeyError, ArithmeticError, IndexError) as e:
        return got, f"{type(e).__name__}: {e}", time.monotonic() - started
    return got, None, time.monotonic() - started
