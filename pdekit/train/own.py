"""What a kind of method uses where an experiment says nothing."""

from typing import NamedTuple

from pdekit.optim.recipe import Recipe
from pdekit.pde.fields import FIRST_HELD_OUT


class Own(NamedTuple):
    """Schedule, number of samples, global batch, and steps."""

    schedule: str
    samples: int
    batch: int
    steps: int


MINI_BATCH = Own("cosine", samples=512, batch=8, steps=1600)
# A line search compares losses of one batch, so it gets all samples at once; few, so that a step takes about a second.
SEVERAL_EACH = MINI_BATCH._replace(steps=180)  # of some nine evaluations
FULL_BATCH = Own("constant", samples=64, batch=FIRST_HELD_OUT, steps=200)
MINI_THEN_FULL = Own("cosine", samples=64, batch=8, steps=1600)


def own(recipe: Recipe) -> Own:
    """That of the kind of `recipe`."""
    if recipe.full_batch:
        return FULL_BATCH
    if recipe.repeats:
        return SEVERAL_EACH
    return MINI_THEN_FULL if recipe.last.full_batch else MINI_BATCH
