"""Names that stand for the recipe without settings."""

from collections.abc import Mapping
from typing import TypeVar

from pdekit import checks

T = TypeVar("T")


def look_up(setting: str, given: object, kind: type[T], menu: Mapping[str, T]) -> T:
    """The recipe of a name in `menu`, or `given` itself where it is of `kind`; ValueError for anything else."""
    if isinstance(given, kind):
        return given
    if not isinstance(given, str):
        names = ", ".join(map(repr, menu))
        raise checks.refuse(setting, f"one of {names}, or a {kind.__name__}", given, "give a name")
    return menu[checks.one_of(setting, given, menu)]


def short(recipe: T, menu: Mapping[str, T]) -> T | str:
    """The name in `menu` that stands for `recipe`, or itself where there is none."""
    return next((name for name, one in menu.items() if one == recipe), recipe)
