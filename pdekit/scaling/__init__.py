"""What training takes, measured and modelled; knows neither torch nor MPI."""

from pdekit.lazy import loader

_HERE = {
    "Cost": "pdekit.scaling.cost",
    "Dragonfly": "pdekit.scaling.dragonfly",
    "FatTree": "pdekit.scaling.topologies",
    "Flat": "pdekit.scaling.topologies",
    "Link": "pdekit.scaling.link",
    "Machine": "pdekit.scaling.machines",
    "Torus": "pdekit.scaling.torus",
    "bisection": "pdekit.scaling.cables",
    "costs": "pdekit.scaling.measured",
    "finals": "pdekit.scaling.measured",
    "runs": "pdekit.scaling.measured",
}

__all__ = sorted(_HERE)
__getattr__ = loader(__name__, _HERE)
