"""pdekit: neural networks that solve PDEs without data, trained live on many processes.

Public names are loaded on first use (PEP 562), so that an engine never loads a widget and a notebook kernel
never starts MPI.
"""

from pdekit.generators import NAMES as GENERATORS
from pdekit.lazy import loader
from pdekit.optim import NAMES as METHODS
from pdekit.pde import NAMES as PDES

__version__ = "0.1.0"

_HOME = {
    **PDES,
    **GENERATORS,
    **METHODS,
    "relative_l2": "pdekit.pde",
    "relative_energy": "pdekit.pde",
    "Galerkin": "pdekit.pde.galerkin",
    "Serial": "pdekit.parallel",
    "SyncBatchNorm": "pdekit.parallel",
    "World": "pdekit.parallel",
    "table": "pdekit.tabled",
    "Experiment": "pdekit.train",
    "Solver": "pdekit.train",
    "Step": "pdekit.train",
    "Trained": "pdekit.train",
    "load": "pdekit.train",
    "History": "pdekit.train",
    "compare": "pdekit.train",
    "Footprint": "pdekit.train",
    "footprint": "pdekit.train",
    "Checkpoint": "pdekit.train",
    "CheckpointError": "pdekit.train",
    "costs": "pdekit.scaling",
    "finals": "pdekit.scaling",
    "Cost": "pdekit.scaling",
    "Measurement": "pdekit.scaling",
    "Trial": "pdekit.scaling",
    "compare_measurements": "pdekit.scaling",
    "Plan": "pdekit.measure",
    "BreakEven": "pdekit.scaling",
    "break_evens": "pdekit.scaling",
    "what_if": "pdekit.scaling",
    "Link": "pdekit.scaling",
    "Machine": "pdekit.scaling",
    "Torus": "pdekit.scaling",
    "machines": "pdekit.scaling.network.machines",
    "fit": "pdekit.scaling.fitted.fit",
    "fit_messages": "pdekit.scaling",
    "amdahl": "pdekit.scaling",
    "gustafson": "pdekit.scaling",
    "karp_flatt": "pdekit.scaling",
    "iso_efficiency": "pdekit.scaling",
    "time_to_loss": "pdekit.scaling",
    "cheapest": "pdekit.scaling",
    "Dragonfly": "pdekit.scaling",
    "FatTree": "pdekit.scaling",
    "Flat": "pdekit.scaling",
    "Cluster": "pdekit.cluster",
    "ClusterError": "pdekit.cluster",
    "plot_field": "pdekit.views",
    "plot_fields": "pdekit.views",
    "plot_loss": "pdekit.views",
    "plot_error": "pdekit.views",
    "plot_scaling": "pdekit.views",
    "plot_ranks": "pdekit.views",
    "plot_algorithms": "pdekit.views",
    "plot_allreduce": "pdekit.views",
    "plot_break_even": "pdekit.views",
    "plot_messages": "pdekit.views",
    "plot_speedup": "pdekit.views",
    "plot_step": "pdekit.views",
    "plot_topology": "pdekit.views",
    "WhatIf": "pdekit.views",
    "Dashboard": "pdekit.views",
}

__all__ = sorted(_HOME)
__getattr__ = loader(__name__, _HOME)


def __dir__() -> list[str]:
    return __all__
