"""What training takes, measured and modelled; knows neither torch nor MPI."""

from pdekit.lazy import loader

_HERE = {
    "BreakEven": "pdekit.scaling.break_even",
    "break_evens": "pdekit.scaling.break_even",
    "Cost": "pdekit.scaling.cost",
    "costs": "pdekit.scaling.measured",
    "finals": "pdekit.scaling.measured",
    "runs": "pdekit.scaling.measured",
}

__all__ = sorted(_HERE)
__getattr__ = loader(__name__, _HERE)
