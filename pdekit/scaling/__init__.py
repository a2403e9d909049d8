"""What training takes, measured and modelled; knows neither torch nor MPI."""

from pdekit.lazy import loader

_HERE = {
    "Cost": "pdekit.scaling.cost",
    "Measurement": "pdekit.scaling.measurement",
    "Trial": "pdekit.scaling.measurement",
    "compare_measurements": "pdekit.scaling.comparison",
    "report": "pdekit.scaling.shown",
    "costs": "pdekit.scaling.measured",
    "finals": "pdekit.scaling.measured",
    "runs": "pdekit.scaling.measured",
}

__all__ = sorted(_HERE)
__getattr__ = loader(__name__, _HERE)
