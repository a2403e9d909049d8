"""Why an optimiser goes no further, and what can be done about it."""

from enum import IntEnum
from typing import Self


class End(IntEnum):
    """A reason with a remedy; its number stands in a history, where 0 is a step after which it goes on."""

    text: str
    remedy: str

    GRADIENT_SMALL = 1, "the gradient is below its tolerance", "ask for a smaller one to go on"
    LOSS_SETTLED = 2, "the loss falls by less than its tolerance", "ask for a smaller one to go on"
    ROUNDING = (
        3,
        "no lower loss can be told from rounding",
        "use dtype='float64' to go lower, or more samples or a larger generator for a smaller held-out error",
    )
    EVALUATIONS = (4, "no lower loss was found with the evaluations of a step", "allow more trials")
    WRONG_GRADIENT = (
        5,
        "the loss rises where its gradient says that it falls",
        "look for a part of the loss that is detached, or a backward that does not fit its forward",
    )
    NOT_A_FUNCTION = (
        6,
        "the loss at one point is not the same twice",
        "take out what is random in it, such as dropout of the network's own, or use a first-order method",
    )
    NOT_FINITE = (7, "the loss or its gradient is not finite", "start elsewhere, or use dtype='float64'")

    def __new__(cls, number: int, text: str, remedy: str) -> Self:
        """The member of that number."""
        made = int.__new__(cls, number)
        made._value_, made.text, made.remedy = number, text, remedy
        return made

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}"
