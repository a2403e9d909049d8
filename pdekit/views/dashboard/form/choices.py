"""What there is to choose from: the recipes by name, and the settings that are one of a few words."""

from typing import Any

import pdekit as pk
from pdekit.train.cycles import CYCLES
from pdekit.train.experiment import DTYPES
from pdekit.views.dashboard.form.explained import key

PARTS = ("problem", "generator", "optimizer", "schedule", "head")
OFFERED = {
    "problem": (
        "Poisson", "Burgers", "Heat", "AllenCahn", "PLaplace", "Elasticity", "Helmholtz", "Eikonal", "Cavity",
    ),
    "generator": ("UNet", "EncoderDecoder", "ResNet", "FNO"),
    "optimizer": ("adamw", "adam", "sgd", "muon", "lbfgs", "slbfgs"),
    "schedule": ("constant", "step", "multi-step", "exponential", "cosine", "plateau", "warm-up"),
    "head": ("plain", "galerkin"),
}  # fmt: skip
NAMED = {  # name -> the recipe that it stands for, by its public name
    "adamw": "AdamW", "adam": "Adam", "sgd": "SGD", "muon": "Muon", "lbfgs": "LBFGS", "slbfgs": "StochasticLBFGS",
    "soap": "SOAP", "lars": "LARS", "lamb": "LAMB", "newton-cg": "NewtonCG",
    "step": "StepDecay", "multi-step": "MultiStepDecay", "exponential": "ExponentialDecay", "cosine": "Cosine",
    "plateau": "Plateau", "warm-up": "WarmUp", "galerkin": "Galerkin",
}  # fmt: skip
BARE = ("plain", "constant")  # names without settings

_NORMS = {
    "batch": "batch: all ranks",
    "rank": "batch: each rank",
    "group": "group",
    "instance": "instance",
    "none": "none",
}
_RESIDUALS = ("muscl", "godunov", "lax-friedrichs", "upwind", "central")
_LENGTHS = ("l2", "l1")
WORDS: dict[str, Any] = {  # as in `explained` -> the values, or {value: what is said of it}
    "Experiment.objective": ("log", "mean", "root", "asinh"),
    "Experiment.grids": tuple(CYCLES),
    "Experiment.dtype": {name: f"{name.removeprefix('float')} bits" for name in DTYPES},
    "Experiment.mean": {"samples": "over the samples", "ranks": "of the ranks' means"},
    "Experiment.reduction": {
        "together": "one message",
        "overlap": "overlapped",
        "sharded": "sharded",
        "reproducible": "reproducible",
    },
    "Standard.activation": ("gelu", "relu", "leaky", "silu", "tanh"),
    "Standard.norm": _NORMS,
    "FNO.norm": _NORMS,
    "Burgers.residual": _RESIDUALS,
    "Burgers.boundary": ("hard", "soft"),
    "Burgers.norm": _LENGTHS,
    "Eikonal.norm": _LENGTHS,
}


def words(recipe: type, setting: str) -> dict[Any, str] | None:
    """The values that a setting of `recipe` may have, each with what is said of it; None for any other setting."""
    found = WORDS.get(key(recipe, setting))
    return found if found is None or isinstance(found, dict) else {one: one for one in found}


class Menu:
    """The kinds of recipe by name: those offered, and those of the experiments that were shown."""

    def __init__(self) -> None:
        self._given: dict[str, dict[str, type]] = {part: {} for part in PARTS}

    def names(self, part: str) -> list[str]:
        """What can be chosen as the `part` of an experiment."""
        return list(dict.fromkeys([*OFFERED[part], *self._given[part]]))

    def recipe(self, part: str, name: str) -> type | None:
        """The class called `name`; None for a name that has no settings."""
        if name in BARE:
            return None
        return self._given[part].get(name) or getattr(pk, NAMED.get(name, name))

    def name(self, part: str, given: Any) -> str:
        """The name of a recipe, which may be its name; it can be chosen from now on."""
        if isinstance(given, str):
            name, recipe = given, getattr(pk, NAMED.get(given, ""), None)
        else:
            said = repr(given).partition("(")[0]  # a PDE of one's own says PDE, whatever its class
            name = next((one for one, it in NAMED.items() if it == said), said)
            public = getattr(pk, said, None)
            recipe = public if public is not None and isinstance(given, public) else type(given)
        if name not in BARE and name not in OFFERED[part]:
            self._given[part][name] = recipe
        return name
