"""The what-if's answer in words."""

import math

import numpy as np

from pdekit.scaling.goal.answer import Answer
from pdekit.views import axes
from pdekit.views.scaling.what_if.settings import Settings


def said(answer: Answer, settings: Settings, goal: str) -> str:
    """A step on the chosen number of ranks, its speed-up, and what it takes to `goal`."""
    k = int(np.flatnonzero(answer.ranks == settings.ranks)[0])
    step, low, high = (
        axes.seconds(float(of[k])) for of in (answer.step.seconds, answer.step.low, answer.step.high)
    )
    words = f"{settings.ranks:,} ranks: {step} a step ({low} to {high}), "
    words += f"{answer.speedup[k]:,.3g} times as fast as one rank."
    way = f"{settings.optimizer} and batches of {settings.batch}"
    if math.isinf(answer.to_loss[k]):
        return f"{words} With {way} nobody reached {goal}."
    if math.isnan(answer.to_loss[k]):
        return f"{words} Nobody measured what it takes to {goal} with {way}."
    words += f" To {goal} with {settings.optimizer}: {axes.seconds(float(answer.to_loss[k]))}"
    if math.isfinite(answer.dollars[k]):
        return f"{words} and {answer.dollars[k]:,.2g} US dollars."
    return f"{words} and {answer.core_hours[k]:,.2g} core hours."
