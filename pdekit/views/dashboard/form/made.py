"""The experiment that plain values make, or all that is wrong with them, each error at its setting."""

import re
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from typing import Any, NamedTuple

from pdekit.train import Experiment
from pdekit.views.dashboard.form.choices import PARTS, Menu
from pdekit.views.dashboard.form.parts import FLAT, WAYS, Values, of_part, recipe_of, taken_apart
from pdekit.views.dashboard.form.values import Unread


class Made(NamedTuple):
    """The experiment, or else what is wrong with which setting: the errors by name."""

    experiment: Experiment | None
    wrong: dict[str, ValueError]
    problem: Any = None  # where its own settings are right


def put_together(values: Values, menu: Menu, base: Experiment, last: str) -> Made:
    """The experiment of `values`, or what is wrong: each error put down to the setting that it names, else to `last`.

    A wrong setting is taken as it is in `base`, or by default, to see what else is wrong; so of what goes on only the
    errors that name another setting are told.
    """
    wrong = {name: ValueError(one.why) for name, one in values.items() if isinstance(one, Unread)}
    good, parts = taken_apart(base, menu), {}
    for part in PARTS:
        own = {part: values[part], **of_part(part, values)}
        sound = good if values[part] == good[part] else _without(part, menu.recipe(part, values[part]))
        blame = last if last in own else part
        parts[part] = _mended(lambda own, part=part: recipe_of(part, own, menu), own, sound, wrong, blame)
    problem = None if any(name.partition(".")[0] == "problem" for name in wrong) else parts["problem"]
    parts = {part: getattr(base, part) if one is None else one for part, one in parts.items()}

    def whole(flat: Values) -> Experiment:
        ways = {setting: flat["reduction"] == way for setting, way in WAYS.items()}
        return Experiment(**{name: flat[name] for name in FLAT}, **parts, **ways)

    experiment = _mended(whole, values, good, wrong, last)
    return Made(None if wrong else experiment, wrong, problem)


def _without(part: str, recipe: type | None) -> dict[str, Any]:
    """What the settings of a recipe are where none is given."""
    known = () if recipe is None else fields(recipe)
    return {f"{part}.{one.name}": one.default for one in known if one.default is not MISSING}


def _mended(
    make: Callable[[Values], Any], values: Values, sound: Values, wrong: dict[str, ValueError], last: str
) -> Any:
    """`make(values)` with `sound` ones for those that are `wrong`, which is added to; None where that is no help."""
    if any(name in values and isinstance(values[name], Unread) and name not in sound for name in wrong):
        return None
    tried = {name: sound.get(name, value) if name in wrong else value for name, value in values.items()}
    while True:
        try:
            return make(tried)
        except ValueError as error:
            name = _blamed(error, values, "" if wrong.keys() & values.keys() else last)
            if name in wrong or (wrong and name not in values):
                return None
            wrong[name] = error
            tried[name] = sound.get(name, tried.get(name))


def _blamed(error: ValueError, names: Iterable[str], otherwise: str) -> str:
    """The one of `names` that the error begins with."""
    found = re.match(r"\w+", str(error))
    word = found[0] if found else ""
    word = "reduction" if word in WAYS else word
    return next((one for one in (*names, otherwise) if word in (one, one.partition(".")[2])), otherwise)
