"""A run in a few words: what it differs in from the one that the dashboard opened with."""

from dataclasses import fields
from typing import Any

MOST = 3  # words beyond that are left to the history


def differing(run: Any, base: Any) -> str:
    """The settings of `run` that are not those of the experiment `base`, such as "batch 64, 1 rank"."""
    mine, words = run.experiment, []
    for name in (field.name for field in fields(mine)):
        one, other = getattr(mine, name), getattr(base, name)
        if one != other:
            words += _of(name, one, other)
    ranks = run.solver.ranks
    words = words[:MOST] + ["…"] * (len(words) > MOST)
    return ", ".join([*words, f"{ranks} rank{'s' * (ranks > 1)}"])


def _of(name: str, one: Any, other: Any) -> list[str]:
    """The words for one setting; of two recipes of a kind, for what differs in them."""
    if type(one) is not type(other) or not hasattr(one, "__dataclass_fields__"):
        return [f"{name} {one:g}" if isinstance(one, float) else f"{name} {_short(one)}"]
    return [
        word
        for inner in fields(one)
        if getattr(one, inner.name) != getattr(other, inner.name)
        for word in _of(inner.name, getattr(one, inner.name), getattr(other, inner.name))
    ]


def _short(value: Any) -> str:
    return type(value).__name__ if hasattr(value, "__dataclass_fields__") else str(value)
