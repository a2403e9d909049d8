"""A run as a value (`Experiment`), the loop (`Solver`), and what it recorded (`History`)."""

from pdekit.train.experiment import Experiment
from pdekit.train.history import History, Step
from pdekit.train.solver import Solver

__all__ = ["Experiment", "History", "Solver", "Step"]
