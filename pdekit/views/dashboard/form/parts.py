"""An experiment taken apart into plain values by name, and its recipes put together again.

A name is that of a field of `Experiment`; `problem`, `generator`, `optimizer`, `schedule` and `head` hold the kind of
recipe, and `problem.eta` a setting of it. `reduction` is one of its four ways.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pdekit.train import Experiment
from pdekit.views.dashboard.form.choices import PARTS, Menu

WAYS = {"overlap": "overlap", "sharded": "sharded", "reproducible": "reproducible"}  # field -> way
FLAT = tuple(f.name for f in fields(Experiment) if f.name not in (*PARTS, *WAYS))
Values = Mapping[str, Any]


def taken_apart(experiment: Experiment, menu: Menu) -> dict[str, Any]:
    """The settings of `experiment` by name."""
    values: dict[str, Any] = {name: getattr(experiment, name) for name in FLAT}
    values["reduction"] = next((way for f, way in WAYS.items() if getattr(experiment, f)), "together")
    for part in PARTS:
        given = getattr(experiment, part)
        values[part] = name = menu.name(part, given)
        recipe = menu.recipe(part, name)
        if recipe is not None:
            made = recipe() if isinstance(given, str) else given
            values |= {f"{part}.{setting}": getattr(made, setting) for setting in settings_of(recipe)}
    return values


def settings_of(recipe: type) -> tuple[str, ...]:
    """The names of its settings: its own first, then those of the classes that it comes from."""
    own = [name for one in recipe.__mro__ for name in vars(one).get("__annotations__", ())]
    return tuple(sorted((f.name for f in fields(recipe) if f.init), key=own.index))


def defaults(part: str, recipe: type | None) -> dict[str, Any]:
    """The settings of a recipe that can be made without any, by name."""
    made = None if recipe is None else recipe()
    return {} if made is None else {f"{part}.{name}": getattr(made, name) for name in settings_of(recipe)}


def of_part(part: str, values: Values) -> dict[str, Any]:
    """The settings of that part's recipe, by name."""
    return {name: value for name, value in values.items() if name.startswith(f"{part}.")}


def recipe_of(part: str, values: Values, menu: Menu) -> Any:
    """The recipe, or its name, that stands for `part` in `values`. ValueError if its settings cannot work."""
    recipe = menu.recipe(part, values[part])
    if recipe is None:
        return values[part]
    return recipe(**{name.partition(".")[2]: value for name, value in of_part(part, values).items()})
