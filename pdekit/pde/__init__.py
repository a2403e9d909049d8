"""The mathematics of a batch of samples: coefficient fields, discretised PDEs, and independent references.

`NAMES` is the table of all that this room offers by name; a new PDE is one file and one line here.
"""

from pdekit.lazy import loader

NAMES = {
    "Poisson": "pdekit.pde.poisson",
    "Burgers": "pdekit.pde.burgers",
    "Eikonal": "pdekit.pde.eikonal",
    "PLaplace": "pdekit.pde.p_laplace",
    "Heat": "pdekit.pde.heat",
    "AllenCahn": "pdekit.pde.allen_cahn",
    "PDE": "pdekit.pde.own",
    "Elasticity": "pdekit.pde.elasticity",
    "Helmholtz": "pdekit.pde.helmholtz",
    "Cavity": "pdekit.pde.cavity",
    "Dirichlet": "pdekit.pde.conditions",
    "Neumann": "pdekit.pde.conditions",
    "Robin": "pdekit.pde.conditions",
    "Periodic": "pdekit.pde.conditions",
    "Faces": "pdekit.pde.faces",
    "Obstacle": "pdekit.pde.conditions",
    "KarhunenLoeve": "pdekit.pde.fields",
    "Matern": "pdekit.pde.fields",
    "Constant": "pdekit.pde.fields",
    "Checkerboard": "pdekit.pde.fields",
    "Inclusions": "pdekit.pde.fields",
    "Images": "pdekit.pde.fields",
    "Folder": "pdekit.pde.fields",
}
__all__ = [*sorted(NAMES), "NAMES"]
__getattr__ = loader(
    __name__, NAMES | {"relative_l2": "pdekit.pde.reference", "relative_energy": "pdekit.pde.reference"}
)
