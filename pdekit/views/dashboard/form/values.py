"""A setting's value as text, and the text read back: numbers, tuples and recipes, as an experiment prints them."""

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pdekit import checks
from pdekit.train.text import excerpt, parse

NAMES = {
    int: "a whole number",
    float: "a number",
    str: "text",
    tuple: "a list in parentheses",
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


def read(name: str, text: str, hint: Any, nothing: str = "") -> Any:
    """The value of type `hint` that `text` stands for; empty is None. ValueError in words if there is none.

    Only literals and calls of known recipes are read; nothing is executed. `nothing` says what None means, if that is
    worth a word.
    """
    text, hints = text.strip(), _alternatives(hint)
    if not text and NoneType in hints:
        return None
    try:
        value = parse(text, code=False)
    except ValueError as error:
        if str in hints and text:
            return text  # a formula, a name, a path
        raise _refused(name, hints, text, nothing) from error
    if isinstance(value, float) and value.is_integer() and int in hints and float not in hints:
        value = int(value)  # 1e4
    if any(_is(value, one) for one in hints):
        return value
    if str in hints:
        return text
    raise _refused(name, hints, text, nothing)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    """The types that a type hint allows."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _is(value: Any, hint: Any) -> bool:
    """Whether `value` may stand where a `hint` is asked for: a whole number for a number, a list for a tuple."""
    if isinstance(value, bool):
        return hint is bool
    if get_origin(hint) is tuple:
        return isinstance(value, (tuple, list)) and all(_is(one, get_args(hint)[0]) for one in value)
    return isinstance(value, (int, float) if hint is float else hint)


def _refused(name: str, hints: tuple[Any, ...], text: str, nothing: str) -> ValueError:
    kinds = [get_origin(one) or one for one in hints if one is not NoneType]
    said = " or ".join(NAMES.get(kind, f"a {kind.__name__}") for kind in kinds)
    said += f", or nothing for {nothing}" if nothing and NoneType in hints else ""
    return checks.refuse(name, said, excerpt(text), "mend the text, or take the change back")
