"""The mathematics of a batch of samples: coefficient fields, discretised PDEs, and independent references."""

from pdekit.pde.poisson import Poisson
from pdekit.pde.reference import relative_energy, relative_l2

__all__ = ["Poisson", "relative_energy", "relative_l2"]
