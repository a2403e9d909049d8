"""Runs by what they differ in, in few words."""

from dataclasses import replace

import pytest

import pdekit as pk
from pdekit.views.dashboard.form.presets import PRESETS
from pdekit.views.dashboard.naming import _told, differing

BASE = _told(pk.Experiment())
QUESTIONS = {preset.name: preset.experiment for preset in PRESETS}


def names(*runs: pk.Experiment) -> list[str]:
    return differing([_told(run, 2) for run in runs], BASE)


def test_a_part_of_another_kind_is_named_alone_without_what_follows_from_it() -> None:
    """Fails if its norm and width are said too, for which there is no room."""
    fno = QUESTIONS["Another size"]
    assert names(fno, replace(fno, generator=pk.UNet())) == ["FNO", "UNet"]
    few = replace(fno, generator=pk.FNO(modes=4))
    assert names(fno, few) == ["modes 10", "modes 4"]
    told = names(fno, few, replace(fno, generator=pk.UNet()))
    assert told == ["FNO, modes 10", "FNO, modes 4", "UNet"]  # two of one kind are told apart


@pytest.mark.parametrize(
    ("question", "change", "words"),
    [
        (
            "Small grids first",
            {"grids": "single", "steps": 200},
            ["coarse-to-fine, steps 300", "single, steps 200"],
        ),
        ("Few large steps", {"head": "plain"}, ["Galerkin", "head plain"]),
        ("Few large steps", {"optimizer": "adamw"}, ["lbfgs", "adamw"]),
        ("Larger batches", {"batch": 2, "steps": 800}, ["batch 8, steps 200", "batch 2, steps 800"]),
        ("What is averaged", {"objective": "mean"}, ["objective log", "objective mean"]),
    ],
)
def test_what_matters_most_comes_first(question: str, change: dict, words: list[str]) -> None:
    one = QUESTIONS[question]
    other = replace(one, rate=None, **change) if "optimizer" in change else replace(one, **change)
    for name, word in zip(names(one, other), words, strict=True):
        assert name == word or name.startswith(f"{word}, rate ")
