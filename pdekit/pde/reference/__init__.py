"""Classical solutions and norms of errors: an oracle that shares no discretisation code with the losses."""

from pdekit.pde.reference.cache import remember
from pdekit.pde.reference.cost import seconds
from pdekit.pde.reference.elliptic import energy_norm, poisson, relative_energy, stiffness_matrix
from pdekit.pde.reference.norms import l2_norm, relative_l2

__all__ = [
    "energy_norm",
    "l2_norm",
    "poisson",
    "relative_energy",
    "relative_l2",
    "remember",
    "seconds",
    "stiffness_matrix",
]
