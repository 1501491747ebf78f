"""reading.py - one line of the acceptance table: what was specified, what was measured, and what the same measure says when the effect is off or wrong."""
from dataclasses import dataclass

ROWS = []


@dataclass
class Reading:
    """low..high is what passes. control: the measure with the effect off or wrong (control_how), which must not pass. estimated: no source for the figure."""
    what: str
    unit: str
    low: float
    high: float
    measured: float
    control: float
    control_how: str
    estimated: bool = False

    def passes(self, value):
        return self.low <= value <= self.high

    @property
    def ok(self):
        return self.passes(self.measured) and not self.passes(self.control)

    @property
    def specified(self):
        """As people write it."""
        if self.low == float("-inf"):
            return f"≤ {number(self.high)}"
        if self.high == float("inf"):
            return f"≥ {number(self.low)}"
        if self.low == self.high:
            return number(self.low)
        return f"{number((self.low + self.high) / 2)} ± {number((self.high - self.low) / 2)}"


def number(value):
    """Short: four digits."""
    return "–" if value != value else f"{value:.4g}"


def around(value, tolerance):
    return {"low": value - tolerance, "high": value + tolerance}


def percent(value, of):
    return around(value, abs(value) * of / 100)


def at_most(value):
    return {"low": float("-inf"), "high": value}


def at_least(value):
    return {"low": value, "high": float("inf")}


def exactly(value):
    return {"low": value, "high": value}


@dataclass
class Row:
    """A row of the table: a function of a Bench that gives readings."""
    name: str
    quick: bool
    title: str
    measure: object


def row(name, quick=True):
    """Decorator: the function's first line of documentation is the row's title. quick: in the default test run, too."""
    def keep(function):
        ROWS.append(Row(name, quick, (function.__doc__ or name).split("\n")[0], function))
        return function
    return keep
