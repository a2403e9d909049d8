"""A run as a value (`Experiment`), the loop (`Solver`), what it recorded (`History`), what it made (`Trained`)."""

from pdekit.train.compare import Comparison, compare
from pdekit.train.experiment import Experiment
from pdekit.train.history import History, Step
from pdekit.train.solver import Solver
from pdekit.train.trained import Trained, load

__all__ = ["Comparison", "Experiment", "History", "Solver", "Step", "Trained", "compare", "load"]
