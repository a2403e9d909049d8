"""The settings of the form as plain values by name, right or wrong, and the experiment that they make.

A name is that of a field of `Experiment`; `problem`, `generator`, `optimizer`, `schedule` and `head` hold the kind of
recipe, and `problem.eta` a setting of it. `reduction` is one of its four ways; `ranks`, `threads`, `slow` and
`preset` are around the experiment.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

from pdekit.train import Experiment
from pdekit.views.dashboard.form.choices import PARTS, Menu
from pdekit.views.dashboard.form.values import Unread

AROUND = ("ranks", "threads", "slow", "preset")
WAYS = {"overlap": "overlap", "sharded": "sharded", "reproducible": "reproducible"}  # field -> way
FLAT = tuple(f.name for f in fields(Experiment) if f.name not in (*PARTS, *WAYS))
OF_OPTIMIZER = ("rate", "samples", "batch", "steps", "schedule")
Values = Mapping[str, Any]


class Made(NamedTuple):
    """The experiment, or else what is wrong with which setting: the errors by name."""

    experiment: Experiment | None
    wrong: dict[str, ValueError]
    problem: Any = None  # where its own settings are right


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


@dataclass(frozen=True)
class Draft:
    """`values` by name, the last experiment (`base`) that worked, and the setting that was changed last.

    That one is to blame where no other is.
    """

    values: Values
    menu: Menu
    base: Experiment
    last: str = "problem"

    @cached_property
    def made(self) -> Made:
        """What the values make."""
        return put_together(self.values, self.menu, self.last)

    @property
    def settled(self) -> "Draft":
        """The same with the values as the experiment has them, where they make one."""
        made = self.made.experiment
        if made is None:
            return self
        return replace(self, values={**self.values, **taken_apart(made, self.menu)}, base=made)

    def changed(self, name: str, value: Any, kept: Values | None = None) -> "Draft":
        """With another `value`, and what follows from it; `kept` are the settings of a recipe that is chosen."""
        values = dict(self.values)
        if name in PARTS:
            gone = of_part(name, values)
            new = defaults(name, self.menu.recipe(name, value)) if kept is None else kept
            values = {one: it for one, it in values.items() if one not in gone} | dict(new)
            if name == "problem":  # the same grid, and the same draw
                same = ("problem.resolution", "problem.seed")
                values |= {one: gone[one] for one in same if one in gone}
        values[name] = value
        if name == "optimizer":
            values = self._with_its_own(values)
        draft = replace(self, values=values, last=self.last if name in AROUND else name)
        if name.partition(".")[0] == "problem":
            draft = draft._following(self.made.problem or self.base.problem)
        return draft.settled

    def shown(self, experiment: Experiment, **around: Any) -> "Draft":
        """All settings of `experiment`, and what is `around` it where that is given."""
        rest = {name: self.values[name] for name in AROUND}
        values = {**taken_apart(experiment, self.menu), **rest, **around}
        return Draft(values, self.menu, experiment)

    def _with_its_own(self, values: dict[str, Any]) -> dict[str, Any]:
        """`values` with the rate of their optimizer, and its schedule, samples, batch and steps where need be."""
        before = replace(self.made.experiment or self.base, **dict.fromkeys(WAYS, False))
        try:
            after = before.with_optimizer(recipe_of("optimizer", values, self.menu))
        except ValueError:  # what is wrong is said of the new draft as a whole
            return values
        old, new = taken_apart(before, self.menu), taken_apart(after, self.menu)
        moved = {
            name: value
            for name, value in new.items()
            if name.partition(".")[0] in OF_OPTIMIZER and (name == "rate" or old.get(name) != value)
        }
        if "schedule" in moved:
            values = {name: value for name, value in values.items() if not name.startswith("schedule.")}
        return values | moved

    def _following(self, old: Any) -> "Draft":
        """Objective and grids are the problem's own where they were the `old` one's, or cannot be kept."""
        new, objective = self.made.problem, self.values["objective"]
        if new is None:
            return self
        values = dict(self.values)
        if objective == old.objectives[0] or objective not in new.objectives:
            values["objective"] = new.objectives[0]
        if values["grids"] == old.grids:
            values["grids"] = new.grids
        return replace(self, values=values)


def recipe_of(part: str, values: Values, menu: Menu) -> Any:
    """The recipe, or its name, that stands for `part` in `values`. ValueError if its settings cannot work."""
    recipe = menu.recipe(part, values[part])
    if recipe is None:
        return values[part]
    return recipe(**{name.partition(".")[2]: value for name, value in of_part(part, values).items()})


def put_together(values: Values, menu: Menu, last: str) -> Made:
    """The experiment of `values`, or what is wrong, put down to the setting that an error names, else to `last`."""
    wrong = {name: ValueError(one.why) for name, one in values.items() if isinstance(one, Unread)}
    parts: dict[str, Any] = {}
    for part in PARTS:
        own = of_part(part, values)
        if wrong.keys() & own.keys():
            continue
        try:
            parts[part] = recipe_of(part, values, menu)
        except ValueError as error:
            wrong[_blamed(error, own, last if last in own else part)] = error
    problem = parts.get("problem")
    if wrong:
        return Made(None, wrong, problem)
    settings = {name: values[name] for name in FLAT} | parts
    settings |= {setting: values["reduction"] == way for setting, way in WAYS.items()}
    try:
        return Made(Experiment(**settings), {}, problem)
    except ValueError as error:
        return Made(None, {_blamed(error, values, last): error}, problem)


def _blamed(error: ValueError, names: Iterable[str], otherwise: str) -> str:
    """The one of `names` that the error begins with."""
    found = re.match(r"\w+", str(error))
    word = found[0] if found else ""
    word = "reduction" if word in WAYS else word
    return next((one for one in (*names, otherwise) if word in (one, one.partition(".")[2])), otherwise)
