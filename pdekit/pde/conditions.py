"""What may be said about u on one face, or inside an obstacle: plain values, numbers or formulas."""

from dataclasses import dataclass

import numpy as np

from pdekit import checks
from pdekit.pde import formula
from pdekit.pde.formula import Value


@dataclass(frozen=True)
class Dirichlet:
    """u = value: a number or a formula such as "sin(pi*y)"; a vector field has one a component, None for free."""

    value: Value | tuple[Value | None, ...] = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.value, (tuple, list)):
            parts = (v if v is None else formula.checked("value", v) for v in self.value)
            return checks.settle(self, value=tuple(parts))
        return checks.settle(self, value=formula.checked("value", self.value))


@dataclass(frozen=True)
class Robin:
    """nu du/dn + alpha u = flux, with alpha >= 0, numbers or formulas; a vector field has one flux a component."""

    alpha: Value = 1.0
    flux: Value | tuple[Value, ...] = 0.0

    def __post_init__(self) -> None:
        flux = self.flux
        many = isinstance(flux, (tuple, list))
        checks.settle(
            self,
            alpha=formula.checked("alpha", self.alpha),
            flux=tuple(formula.checked("flux", f) for f in flux) if many else formula.checked("flux", flux),
        )


@dataclass(frozen=True)
class Neumann:
    """nu du/dn = flux: a number or a formula; for a vector field one for each component."""

    flux: Value | tuple[Value, ...] = 0.0

    def __post_init__(self) -> None:
        checks.settle(self, flux=Robin(0.0, self.flux).flux)


@dataclass(frozen=True)
class Periodic:
    """The nodes of this face and of the opposite one carry the same values; give it to both."""


@dataclass(frozen=True)
class Obstacle:
    """u = value at the nodes where `inside`, a formula such as "(x-0.5)**2 + (y-0.5)**2 < 0.04", is true."""

    inside: str
    value: float = 0.0

    def __post_init__(self) -> None:
        formula.checked("inside", self.inside)
        checks.settle(self, value=checks.number("value", self.value))

    def mask(self, shape: tuple[int, ...]) -> np.ndarray:
        """(*shape) bool: the nodes inside. ValueError where there are none, or all are."""
        inside = formula.on_nodes(self.inside, shape).astype(bool)
        if inside.all() or not inside.any():
            got = f"{int(inside.sum())} of {inside.size}"
            raise checks.refuse(
                "obstacle", f"some nodes of {shape} inside, not all", got, "move or resize it"
            )
        return inside


Condition = Dirichlet | Neumann | Robin | Periodic


def component(value: object, k: int, components: int) -> object:
    """The part of `value` for component k: its own where there is a tuple of them. ValueError for another number."""
    if not isinstance(value, tuple):
        return value
    if len(value) != components:
        raise checks.refuse("face", f"{components} values, one a component", value, "give as many")
    return value[k]
