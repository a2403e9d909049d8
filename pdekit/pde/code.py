"""The three functions that a PDE of the user's may be written as, and what they may name."""

import math
from collections.abc import Callable

import numpy as np
import torch

from pdekit.code import Signature, Words, returned

__all__ = ["ARGUMENTS", "Words", "call", "compiled", "returned", "source"]

NAMES = {"torch": torch, "math": math, "np": np, "pi": math.pi}
ARGUMENTS = {
    "energy": ("psi", ("u", "grad_u", "x", "c")),
    "weak": ("form", ("u", "grad_u", "v", "grad_v", "x", "c")),
    "strong": ("residual", ("u", "d", "x", "c")),
}
SIGNATURES = {kind: Signature(kind, *rest, NAMES) for kind, rest in ARGUMENTS.items()}


def source(kind: str, given: object) -> str:
    """The text of `given`, a function made by `def` or such a text; ValueError for what cannot travel as text."""
    return SIGNATURES[kind].source(given)


def compiled(kind: str, text: str) -> Callable:
    """The function of `text`. It is code: this runs it."""
    return SIGNATURES[kind].compiled(text)


def call(kind: str, text: str, *arguments: object) -> object:
    """What the function of `text` returns; an error in it as a ValueError that shows the line."""
    return SIGNATURES[kind].call(text, *arguments)
