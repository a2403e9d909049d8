"""The settings of the form as plain values by name, right or wrong, and what follows from a change of one.

Names are those of `parts`; `ranks`, `threads`, `slow` and `preset` are around the experiment.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pdekit.train import Experiment
from pdekit.views.dashboard.form.choices import PARTS, Menu
from pdekit.views.dashboard.form.made import Made, put_together
from pdekit.views.dashboard.form.parts import WAYS, Values, defaults, of_part, recipe_of, taken_apart

AROUND = ("ranks", "threads", "slow", "preset")
OF_OPTIMIZER = ("rate", "samples", "batch", "steps", "schedule")


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
        return put_together(self.values, self.menu, self.base, self.last)

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
