"""A run as a value (`Experiment`), the loop (`Solver`), and what it recorded (`History`, `compare`)."""

from pdekit.train.compare import Comparison, compare
from pdekit.train.experiment import Experiment
from pdekit.train.history import History, Step
from pdekit.train.solver import Solver

__all__ = ["Comparison", "Experiment", "History", "Solver", "Step", "compare"]
