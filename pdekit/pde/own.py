"""A PDE of the user's own, written as an energy, a weak form or a strong residual: an ordinary Python function.

The recipe holds the function's text, so that an experiment is still one line that reads back, and an engine
needs nothing but that line. To make such a recipe is to run its text.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from pdekit import checks
from pdekit.pde import trial
from pdekit.pde.code import ARGUMENTS, compiled, source
from pdekit.pde.conditions import Dirichlet, Neumann, Obstacle, Robin, component
from pdekit.pde.faces import Faces, lifting_and_mask
from pdekit.pde.fields import Field, KarhunenLoeve
from pdekit.pde.problem import Problem
from pdekit.pde.reference.own import newton

_C, _FACES = KarhunenLoeve(), Faces(x0=Dirichlet(1.0), x1=Dirichlet(0.0))


@dataclass(frozen=True, kw_only=True)
class PDE(Problem):
    """A PDE of your own on the unit square or cube: give `energy`, `weak` or `strong`, a function made by `def`.

    `def psi(u, grad_u, x, c)`: u minimises `int psi dx` plus what flows through the faces, as `Poisson` does.
    `def form(u, grad_u, v, grad_v, x, c)`: `int form dx = 0` for all v, linear in v. `def residual(u, d, x, c)`: it is
    zero at all nodes, d.x(u), d.yy(u), d.laplacian(u), d.div_grad(c, u), ... being differences; the loss is its mean
    square (there `Neumann` and `Robin` give du/dn itself, without nu). c is a random field, `c=pk.Matern()` for
    instance. Values come at many points at once: u (B, G, P), grad_u (d, B, G, P), x (d, G, P), c (B, G, P) for
    B samples and G points in each of P cells, or u (B, *shape), x (d, *shape), c (B, *shape) at nodes; with
    `components` above 1, u and grad_u have these in front. Functions know torch, math, np and pi. An energy that is
    never negative may be called `positive_energy=True`: then its logarithm is trained. ValueError for a function that
    cannot work, before anything is trained.
    """

    energy: str | Callable | None = None
    weak: str | Callable | None = None
    strong: str | Callable | None = None
    c: Field = _C
    faces: Faces = _FACES
    obstacle: Obstacle | None = None
    components: int = 1
    dim: int = 2
    positive_energy: bool = False

    orders: ClassVar[tuple[float, ...]] = (
        2.0,
    )  # of the L2 error of the minimiser or zero, where u is smooth
    runs_code: ClassVar[bool] = True  # to make one from text is to run that text

    def __new__(cls, *_: Any, **settings: Any) -> "PDE":
        from pdekit.pde.kinds import KINDS

        kind = next((k for k in KINDS if settings.get(k) is not None), None)
        return super().__new__(KINDS[kind] if cls is PDE and kind else cls)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [kind for kind in ARGUMENTS if getattr(self, kind) is not None]
        if len(given) != 1:
            expected = f"exactly one of {', '.join(f'{kind}=' for kind in ARGUMENTS)}"
            raise checks.refuse("PDE", expected, given, "give energy=psi, for instance")
        for name, kind in (("c", Field), ("faces", Faces)):
            if not isinstance(getattr(self, name), kind):
                example = {"c": "pk.KarhunenLoeve()", "faces": "pk.Faces(x0=pk.Dirichlet(0.0))"}[name]
                raise checks.refuse(name, f"a {kind.__name__}", getattr(self, name), f"give {name}={example}")
        if not isinstance(self.positive_energy, bool) or (self.positive_energy and given != ["energy"]):
            remedy = "only an energy may be called so"
            raise checks.refuse("positive_energy", "True or False", self.positive_energy, remedy)
        dim = checks.whole("dim", self.dim, least=2, most=3)
        components = checks.whole("components", self.components)
        checks.settle(self, dim=dim, components=components)
        checks.settle(self, **{self.kind: source(self.kind, getattr(self, self.kind))})
        trial.tried(self.kind, self.text, dim, components, self.positive)

    def __repr__(self) -> str:
        shown = ((f.name, getattr(self, f.name)) for f in fields(self))
        return f"PDE({', '.join(f'{k}={v!r}' for k, v in shown if k not in ARGUMENTS or v is not None)})"

    @property
    def kind(self) -> str:
        """ "energy", "weak" or "strong"."""
        return next(kind for kind in ARGUMENTS if getattr(self, kind) is not None)

    @property
    def text(self) -> str:
        """The function's text."""
        return getattr(self, self.kind)

    @property
    def function(self) -> Callable:
        """The function itself."""
        return compiled(self.kind, self.text)

    @property
    def field(self) -> Field:
        """What c is drawn from."""
        return self.c

    @property
    def positive(self) -> bool:
        """Whether c is above zero; the generator is shown its logarithm then."""
        return self.c.positive

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of one sample's c."""
        return self.shape

    @torch.enable_grad()
    def at_quadrature(self, e: np.ndarray, x: np.ndarray, c: np.ndarray) -> tuple:
        """What `reference.own.newton` needs of a density or a form at N points, by automatic differentiation."""
        e, x, c = (torch.from_numpy(np.ascontiguousarray(a)) for a in (e, x, c))
        psi, slopes = self.slopes(e.requires_grad_(), x[:, None], c[None, None])
        rows = []
        for one in slopes.flatten(0, 1):
            if not one.requires_grad:
                rows.append(torch.zeros_like(e))
                continue
            (row,) = torch.autograd.grad(one.sum(), e, retain_graph=True, allow_unused=True)
            rows.append(torch.zeros_like(e) if row is None else row)
        second = torch.stack(rows).reshape(*slopes.shape[:2], *e.shape)
        return None if psi is None else psi.detach().numpy(), slopes.detach().numpy(), second.numpy()

    def slopes(self, e: Tensor, x: Tensor, c: Tensor) -> tuple[Tensor | None, Tensor]:
        """The density (N,) or None, and what multiplies v and grad v (C, 1 + d, N), at e (C, 1 + d, N)."""
        raise NotImplementedError

    def arguments(self, e: Tensor) -> tuple[Tensor, Tensor]:
        """e (C, 1 + d, N) as values and gradients of one sample's field at N cells of one point."""
        value, slope = e[:, 0, None, None], e[:, 1:, None, None]
        return (value, slope) if self.components > 1 else (value[0], slope[0])

    def classical(self, data: np.ndarray) -> np.ndarray:
        """Newton's method on scikit-fem's assembly, with the function's derivatives at its quadrature points."""
        faces = [
            one_component(self.faces, k, self.components).plain(self.shape) for k in range(self.components)
        ]
        held = None if self.obstacle is None else (self.obstacle.mask(self.shape), self.obstacle.value)
        start, _ = lifting_and_mask(self.faces, self.obstacle, self.shape, self.components)
        return newton(self.at_quadrature, data, faces, held, start).reshape(self.u_shape)


def one_component(faces: Faces, k: int, components: int) -> Faces:
    """The faces as component k sees them."""

    def part(one: object) -> object:
        match one:
            case Dirichlet(value=value):
                mine = component(value, k, components)
                return Neumann() if mine is None else Dirichlet(mine)
            case Neumann(flux=flux):
                return Neumann(component(flux, k, components))
            case Robin(alpha=alpha, flux=flux):
                return Robin(alpha, component(flux, k, components))
        return one

    return Faces(**{f.name: part(getattr(faces, f.name)) for f in fields(faces)})
