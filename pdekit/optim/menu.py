"""The methods that have a name, which stands for the recipe without settings, and those that are offered first.

Offered are those that win a column of the table in README.md, "How it trains", and what they are compared with.
"""

from pdekit.optim.layer_recipes import LAMB, LARS, SOAP, Muon
from pdekit.optim.named import look_up
from pdekit.optim.recipe import Recipe
from pdekit.optim.recipes import LBFGS, SGD, Adam, AdamW, NewtonCG, StochasticLBFGS

OPTIMIZERS: dict[str, Recipe] = {
    "sgd": SGD(),
    "adam": Adam(),
    "adamw": AdamW(),
    "lbfgs": LBFGS(),
    "slbfgs": StochasticLBFGS(),
    "muon": Muon(),
    "soap": SOAP(),
    "lars": LARS(),
    "lamb": LAMB(),
    "newton-cg": NewtonCG(),
}

OFFERED = ("adamw", "adam", "sgd", "muon", "lbfgs", "slbfgs")


def method(given: Recipe | str, setting: str = "optimizer") -> Recipe:
    """The recipe of a name, or the recipe itself; ValueError for anything else."""
    return look_up(setting, given, Recipe, OPTIMIZERS)
