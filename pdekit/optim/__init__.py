"""Optimisers on one flat vector, asked one step at a time; they know nothing of networks or ranks.

`NAMES` is the table of the recipes that this room offers by name: methods with their settings, and schedules. An
optimiser itself is what a recipe makes of a vector; `LBFGS` here is that of the recipe of the same name.
"""

from pdekit.lazy import loader

NAMES = {
    "SGD": "pdekit.optim.recipes",
    "Adam": "pdekit.optim.recipes",
    "AdamW": "pdekit.optim.recipes",
    "LBFGS": "pdekit.optim.recipes",
    "StochasticLBFGS": "pdekit.optim.recipes",
    "NewtonCG": "pdekit.optim.recipes",
    "Muon": "pdekit.optim.layer_recipes",
    "SOAP": "pdekit.optim.layer_recipes",
    "LARS": "pdekit.optim.layer_recipes",
    "LAMB": "pdekit.optim.layer_recipes",
    "Then": "pdekit.optim.then",
    "StepDecay": "pdekit.optim.schedules",
    "MultiStepDecay": "pdekit.optim.schedules",
    "ExponentialDecay": "pdekit.optim.schedules",
    "Cosine": "pdekit.optim.schedules",
    "WarmUp": "pdekit.optim.warm_up",
    "Plateau": "pdekit.optim.plateau",
}

_HERE = {
    "LBFGS": "pdekit.optim.lbfgs",
    "OPTIMIZERS": "pdekit.optim.menu",
    "SCHEDULES": "pdekit.optim.warm_up",
    "Evaluate": "pdekit.optim.outcome",
    "FirstOrder": "pdekit.optim.first_order",
    "Optimizer": "pdekit.optim.outcome",
    "Outcome": "pdekit.optim.outcome",
}

__all__ = [*sorted(NAMES | _HERE), "NAMES"]
__getattr__ = loader(__name__, NAMES | _HERE)
