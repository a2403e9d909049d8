"""Optimisers on one flat vector, asked one step at a time; they know nothing of networks or ranks."""

from collections.abc import Callable
from functools import partial

import torch

from pdekit.optim.first_order import FirstOrder
from pdekit.optim.lbfgs import LBFGS
from pdekit.optim.outcome import Evaluate, Optimizer, Outcome
from pdekit.optim.schedules import SCHEDULES

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": partial(FirstOrder, rule=torch.optim.SGD, momentum=0.9),
    "adam": partial(FirstOrder, rule=torch.optim.Adam),
    "adamw": partial(FirstOrder, rule=torch.optim.AdamW, weight_decay=1e-2),
    "lbfgs": LBFGS,
}
RATES = {"sgd": 1e-2, "adam": 3e-3, "adamw": 3e-3, "lbfgs": 1.0}  # where a run starts if nothing is said

__all__ = ["LBFGS", "OPTIMIZERS", "RATES", "SCHEDULES", "Evaluate", "FirstOrder", "Optimizer", "Outcome"]
