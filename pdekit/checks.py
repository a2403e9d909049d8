"""Checks of what a user typed: every message says what was expected, what came, and what to do."""

import math
from collections.abc import Collection
from numbers import Integral, Real


def refuse(name: str, expected: str, got: object, remedy: str) -> ValueError:
    """The error to raise for a bad setting, in the words that every room uses."""
    return ValueError(f"{name}: expected {expected}, got {got!r}; {remedy}")


def whole(name: str, value: object, least: int = 1, most: int | None = None) -> int:
    """`value` as an int in [least, most]; ValueError otherwise."""
    limits = f"at least {least}" if most is None else f"between {least} and {most}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise refuse(name, f"a whole number, {limits}", value, f"give {name}={least}, for instance")
    if value < least or (most is not None and value > most):
        nearest = least if value < least else most
        raise refuse(name, f"a whole number, {limits}", value, f"the nearest that works is {nearest}")
    return int(value)


def positive(name: str, value: object) -> float:
    """`value` as a finite float above zero; ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value <= 0:
        raise refuse(name, "a finite number above 0", value, f"give {name}=0.001, for instance")
    return float(value)


def number(name: str, value: object, least: float = -math.inf) -> float:
    """`value` as a finite float, not below `least`; ValueError otherwise."""
    if (
        isinstance(value, bool)
        or not isinstance(value, Real)
        or not (math.isfinite(value) and value >= least)
    ):
        limit, example = ("", 0.0) if least == -math.inf else (f", at least {least:g}", float(least))
        raise refuse(name, f"a finite number{limit}", value, f"give {name}={example}, for instance")
    return float(value)


def fraction(name: str, value: object) -> float:
    """`value` as a float in [0, 1); ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < 1:
        raise refuse(name, "a number from 0 on, below 1", value, f"give {name}=0.1, for instance")
    return float(value)


def one_of(name: str, value: object, choices: Collection[str]) -> str:
    """`value` if it is one of `choices`; ValueError otherwise."""
    if value not in choices:
        raise refuse(name, f"one of {', '.join(map(repr, choices))}", value, "choose one of these")
    return str(value)


def settle(recipe: object, **values: object) -> None:
    """Store checked `values` in a frozen dataclass while it is being made."""
    for name, value in values.items():
        object.__setattr__(recipe, name, value)
