"""Every setting that the form offers has one line, and the lists hold what the library itself takes."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import get_type_hints

import pytest

import pdekit as pk
from pdekit.optim.menu import OFFERED as METHODS
from pdekit.optim.menu import OPTIMIZERS
from pdekit.optim.warm_up import SCHEDULES
from pdekit.train.objectives import OBJECTIVES
from pdekit.views.dashboard.form import choices
from pdekit.views.dashboard.form.explained import EXPLAINED, key

AROUND = {"Form.preset", "Form.ranks", "Form.threads", "Form.slow", "Experiment.reduction"}  # no fields
WAYS = {"reproducible", "sharded", "overlap"}  # three fields that are one setting
FREE = {
    "source",
    "energy",
    "weak",
    "strong",
    "code",
    "start",
    "then",
    "first",
    "second",
}  # formulas, code, names


def recipes() -> list[type]:
    """The classes of all that can be chosen, and those that can be shown besides."""
    menu = choices.Menu()
    offered = [menu.recipe(part, name) for part in choices.PARTS for name in choices.OFFERED[part]]
    given = [type(one) for one in OPTIMIZERS.values()]
    return [one for one in dict.fromkeys([*offered, *given, pk.Then, pk.PDE, pk.Network]) if one is not None]


def settings() -> Iterator[tuple[type, str]]:
    """All their settings but functions of the user's, and those of an experiment."""
    for recipe in recipes():
        yield from ((recipe, f.name) for f in fields(recipe) if "Callable" not in str(f.type))
    yield from ((pk.Experiment, f.name) for f in fields(pk.Experiment) if f.name not in WAYS)


def test_every_setting_has_a_line_and_every_line_a_setting() -> None:
    asked = {key(recipe, name) for recipe, name in settings()} | AROUND
    assert asked - set(EXPLAINED) == set(), "settings without an explanation"
    assert set(EXPLAINED) - asked == set(), "explanations of nothing"


def test_a_line_is_short_and_says_something() -> None:
    for name, line in EXPLAINED.items():
        assert 10 <= len(line) <= 110 and "\n" not in line and not line.endswith("."), name


def test_the_names_stand_for_what_they_stand_for_in_an_experiment() -> None:
    menu = choices.Menu()
    assert choices.OFFERED["optimizer"] == METHODS
    assert set(choices.OFFERED["schedule"]) == set(SCHEDULES)
    for part, table in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
        for name, recipe in table.items():
            if name != "constant":
                assert menu.recipe(part, name) is type(recipe), name
    assert menu.recipe("head", "galerkin") is pk.Galerkin


def probe(recipe: type, name: str) -> set[str]:
    """The words that a setting may be, as its class says when it is given another."""
    with pytest.raises(ValueError, match="expected one of") as refused:
        recipe(**{name: "?"})
    return set(re.findall(r"'([^']+)'", str(refused.value).partition(", got")[0]))


def test_a_list_holds_the_words_that_the_library_takes() -> None:
    listed = 0
    for recipe, name in settings():
        words = choices.words(recipe, name)
        if words is not None and recipe is not pk.Experiment:
            assert set(words) == probe(recipe, name), (recipe, name)
            listed += 1
    assert listed >= 12
    experiment = {name: set(choices.words(pk.Experiment, name)) for name in ("grids", "dtype", "mean")}
    assert experiment == {name: probe(pk.Experiment, name) for name in experiment}
    assert set(choices.words(pk.Experiment, "objective")) == set(OBJECTIVES)


def test_no_word_of_a_few_has_to_be_typed() -> None:
    for recipe, name in settings():
        if get_type_hints(recipe)[name] is str and name not in FREE:
            assert choices.words(recipe, name), (recipe, name)


def test_every_recipe_but_code_can_be_made_without_settings() -> None:
    for recipe in recipes():
        needed = [f.name for f in fields(recipe) if f.default is MISSING and f.default_factory is MISSING]
        assert not needed or recipe is pk.Network
