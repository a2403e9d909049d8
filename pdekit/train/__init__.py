"""A run as a value (`Experiment`), the loop (`Solver`), what it recorded (`History`), and what it left behind."""

from pdekit.train.checkpoint import Checkpoint
from pdekit.train.checkpoints import CheckpointError
from pdekit.train.compare import Comparison, compare
from pdekit.train.experiment import Experiment
from pdekit.train.footprint import Footprint, footprint
from pdekit.train.history import History, Step
from pdekit.train.solver import Solver
from pdekit.train.trained import Trained, load

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "Comparison",
    "Experiment",
    "Footprint",
    "History",
    "Solver",
    "Step",
    "Trained",
    "compare",
    "footprint",
    "load",
]
