"""A setting's value as text, and the text read back: numbers, tuples and recipes, as an experiment prints them."""

from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pdekit import checks
from pdekit.train.text import parse

NAMES = {
    int: "a whole number",
    float: "a number",
    str: "text",
    tuple: "values in parentheses",
    NoneType: "nothing",
}


@dataclass(frozen=True)
class Unread:
    """A text that is not a value, and why: it stays where it was typed until it is mended."""

    text: str
    why: str


def shown(value: Any) -> str:
    """The text that stands for `value`."""
    if isinstance(value, Unread):
        return value.text
    if value is None:
        return ""
    return value if isinstance(value, str) else repr(value)


def read(name: str, text: str, hint: Any) -> Any:
    """The value of type `hint` that `text` stands for; empty is None. ValueError in words if there is none.

    Only literals and calls of known recipes are read; nothing is executed.
    """
    text, kinds = text.strip(), _kinds(hint)
    if not text and NoneType in kinds:
        return None
    try:
        value = parse(text, code=False)
    except ValueError as error:
        if str in kinds and text:
            return text  # a formula, a name, a path
        raise _refused(name, kinds, text) from error
    if isinstance(value, float) and value.is_integer() and int in kinds and float not in kinds:
        value = int(value)  # 1e4
    if any(_is(value, kind) for kind in kinds):
        return value
    if str in kinds:
        return text
    raise _refused(name, kinds, text)


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The types that a type hint allows, without their parameters."""
    union = get_origin(hint) in (Union, UnionType)
    return tuple(get_origin(one) or one for one in (get_args(hint) if union else (hint,)))


def _is(value: Any, kind: Any) -> bool:
    """Whether `value` may stand where a `kind` is asked for: a whole number for a number, a list for a tuple."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, {float: (int, float), tuple: (tuple, list)}.get(kind, kind))


def _refused(name: str, kinds: tuple[Any, ...], text: str) -> ValueError:
    said = [NAMES.get(kind, f"a {kind.__name__}") for kind in kinds if kind is not Callable]
    return checks.refuse(name, " or ".join(said), text, "mend the text, or take the change back")
