"""Random fields, one recipe each: coefficients and initial conditions, the same at any resolution and in any batch."""

from pdekit.pde.fields.constant import Constant
from pdekit.pde.fields.field import FIRST_HELD_OUT, Field, nodes, normals, sobol, uniforms
from pdekit.pde.fields.folder import Folder
from pdekit.pde.fields.images import Images
from pdekit.pde.fields.jumps import Checkerboard, Inclusions
from pdekit.pde.fields.karhunen_loeve import KarhunenLoeve, log_field, modes, roots
from pdekit.pde.fields.matern import Matern

__all__ = [
    "FIRST_HELD_OUT",
    "Checkerboard",
    "Constant",
    "Field",
    "Folder",
    "Images",
    "Inclusions",
    "KarhunenLoeve",
    "Matern",
    "log_field",
    "modes",
    "nodes",
    "normals",
    "roots",
    "sobol",
    "uniforms",
]
