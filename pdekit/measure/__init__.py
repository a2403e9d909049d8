"""Measuring how training scales here: a plan of pieces, taken in turns, and a file that keeps what was found."""

from pdekit.lazy import loader

_HERE = {
    "Plan": "pdekit.measure.plan",
    "run": "pdekit.measure.loop",
}

__all__ = sorted(_HERE)
__getattr__ = loader(__name__, _HERE)
