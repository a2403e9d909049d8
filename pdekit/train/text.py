"""An experiment read back from the line that it prints as: calls of known recipes with plain values, nothing else."""

import ast
import importlib
from dataclasses import fields

from pdekit import checks
from pdekit.generators import NAMES as GENERATORS
from pdekit.optim import NAMES as METHODS
from pdekit.pde import NAMES as PDES

RECIPES = (
    PDES | GENERATORS | METHODS | {"Galerkin": "pdekit.pde.galerkin", "Experiment": "pdekit.train.experiment"}
)  # name -> the module that has it


def parse(text: str, code: bool) -> object:
    """The value that printed as `text`; ValueError for other text, and for recipes of code unless `code`."""
    try:
        return _build(ast.parse(text.strip(), mode="eval").body, code)
    except (SyntaxError, TypeError) as error:
        raise checks.refuse("experiment", "a line like str(experiment)", text, str(error)) from error


def _recipe(name: str) -> type:
    """The class of plain values called `name`; ValueError if there is none."""
    if name not in RECIPES:
        raise checks.refuse("experiment", f"one of {', '.join(sorted(RECIPES))}", name, "check the name")
    return getattr(importlib.import_module(RECIPES[name]), name)


def _build(node: ast.expr, code: bool) -> object:
    """The value of a call of a known recipe, or of a literal; ValueError for one with code, unless `code`."""
    if not isinstance(node, ast.Call):
        try:
            return ast.literal_eval(node)
        except ValueError as error:
            raise checks.refuse(
                "experiment", "plain values", ast.unparse(node), "write the value itself"
            ) from error
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "?")
    recipe = _recipe(name)
    if getattr(recipe, "runs_code", False) and not code:
        remedy = "read the functions in it, and pass code=True if you would run them yourself"
        raise checks.refuse("experiment", "plain values", ast.unparse(node), remedy)
    known = {f.name for f in fields(recipe)}
    for keyword in node.keywords:
        if keyword.arg not in known:
            raise checks.refuse(
                name, f"settings among {', '.join(sorted(known))}", keyword.arg, "check the name"
            )
    return recipe(
        *(_build(one, code) for one in node.args), **{k.arg: _build(k.value, code) for k in node.keywords}
    )
