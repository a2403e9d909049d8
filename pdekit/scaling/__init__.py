"""What training takes, measured and modelled; knows neither torch nor MPI."""

from pdekit.lazy import loader

_HERE = {
    "BreakEven": "pdekit.scaling.break_even",
    "break_evens": "pdekit.scaling.break_even",
    "what_if": "pdekit.scaling.answer",
    "Cost": "pdekit.scaling.cost",
    "costs": "pdekit.scaling.measured",
    "finals": "pdekit.scaling.measured",
    "runs": "pdekit.scaling.measured",
}

__all__ = sorted(_HERE)
__getattr__ = loader(__name__, _HERE)
