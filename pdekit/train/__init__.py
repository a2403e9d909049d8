"""A run as a value (`Experiment`), the loop (`Solver`), what it recorded (`History`), and its `Checkpoint`s."""

from pdekit.train.checkpoint import Checkpoint
from pdekit.train.checkpoints import CheckpointError
from pdekit.train.experiment import Experiment
from pdekit.train.history import History, Step
from pdekit.train.solver import Solver

__all__ = ["Checkpoint", "CheckpointError", "Experiment", "History", "Solver", "Step"]
