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
    words += f"{_number(answer.speedup[k], 3)} times as fast as one rank."
    way = f"{settings.optimizer} and batches of {settings.batch}"
    if math.isinf(answer.to_loss[k]):
        return f"{words} With {way} nobody reached {goal}."
    if math.isnan(answer.to_loss[k]):
        return f"{words} Nobody measured what it takes to {goal} with {way}."
    words += f" To {goal} with {settings.optimizer}: {axes.seconds(float(answer.to_loss[k]))}"
    if math.isfinite(answer.dollars[k]):
        return f"{words} and {_number(answer.dollars[k], 2)} US dollars."
    return f"{words} and {_number(answer.core_hours[k], 2)} core hours."


def _number(value: float, digits: int) -> str:
    """`value` with that many digits that count, and no exponent where it is large: "1,610"."""
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:,.0f}" if rounded >= 10 ** (digits - 1) else f"{rounded:g}"
