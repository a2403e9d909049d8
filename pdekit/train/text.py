"""An experiment read back from the line that it prints as: calls of known recipes with plain values, nothing else."""

import ast
import difflib
import importlib
from collections.abc import Collection
from dataclasses import fields

from pdekit import checks
from pdekit.generators import NAMES as GENERATORS
from pdekit.optim import NAMES as METHODS
from pdekit.pde import NAMES as PDES

RECIPES = (
    PDES | GENERATORS | METHODS | {"Galerkin": "pdekit.pde.galerkin", "Experiment": "pdekit.train.experiment"}
)  # name -> the module that has it
SHOWN = 60  # characters of a text that a message quotes


def parse(text: str, code: bool) -> object:
    """The value that printed as `text`; ValueError for other text, and for recipes of code unless `code`."""
    text = text.strip()
    try:
        return _build(ast.parse(text, mode="eval").body, code)
    except SyntaxError as error:
        line, place = error.lineno or 1, (error.offset or 1) - 1
        place += sum(len(one) for one in text.splitlines(keepends=True)[: line - 1])
        what = f"{error.msg} at character {place + 1}"
        raise checks.refuse(
            "experiment", "a line like str(experiment)", excerpt(text, place), what
        ) from error


def excerpt(text: str, place: int = 0) -> str:
    """Some 60 characters of `text` around the one at `place`, with dots for what is left out."""
    first = max(min(place - SHOWN // 2, len(text) - SHOWN), 0)
    last = first + SHOWN
    return "..." * (first > 0) + text[first:last] + "..." * (last < len(text))


def _near(name: str, known: Collection[str], otherwise: str) -> str:
    """The question whether the known name nearest to `name` was meant, if one is near."""
    lower = {one.lower(): one for one in known}
    found = difflib.get_close_matches(name.lower(), lower, n=1)
    return f"did you mean {lower[found[0]]}?" if found else otherwise


def _recipe(name: str) -> type:
    """The class of plain values called `name`; ValueError if there is none."""
    if name not in RECIPES:
        remedy = _near(name, RECIPES, "dir(pdekit) lists them")
        raise checks.refuse("experiment", "a name that pdekit has", name, remedy)
    return getattr(importlib.import_module(RECIPES[name]), name)


def _build(node: ast.expr, code: bool) -> object:
    """The value of a call of a known recipe, or of a literal; ValueError for one with code, unless `code`."""
    if not isinstance(node, ast.Call):
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError) as error:
            got = excerpt(ast.unparse(node))
            raise checks.refuse("experiment", "plain values", got, "write the value itself") from error
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "?")
    recipe = _recipe(name)
    if getattr(recipe, "runs_code", False) and not code:
        remedy = "read the functions in it, and pass code=True if you would run them yourself"
        raise checks.refuse("experiment", "plain values", excerpt(ast.unparse(node)), remedy)
    known = {f.name for f in fields(recipe)}
    for keyword in node.keywords:
        if keyword.arg not in known:
            expected = f"settings among {', '.join(sorted(known))}"
            raise checks.refuse(
                name, expected, keyword.arg, _near(keyword.arg or "", known, "check the name")
            )
    positional = [_build(one, code) for one in node.args]
    named = {one.arg: _build(one.value, code) for one in node.keywords}
    try:
        return recipe(*positional, **named)
    except TypeError as error:
        raise checks.refuse(name, "its settings", excerpt(ast.unparse(node)), str(error)) from error
