"""Each preset is a question whose settings can be set, and taken back."""

import html
import re

import pytest

import pdekit as pk
from pdekit.parallel.shares import block
from pdekit.views.dashboard.form.form import Form
from pdekit.views.dashboard.form.presets import PRESETS, Preset

FIRST = pk.Experiment(pk.Heat(64), seed=5)


def form_of(most_ranks: int = 2) -> Form:
    return Form(FIRST, ranks=1, most_ranks=most_ranks, threads=1, most_threads=1)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda one: one.name)
def test_a_preset_sets_everything_and_is_taken_back(preset: Preset) -> None:
    form, seen = form_of(), []
    form.on_change(seen.append)
    form.panel["preset"].widget.value = preset.name
    assert (form.experiment, form.ranks, form.slow) == (preset.experiment, preset.ranks, preset.slow)
    assert seen == ["preset"]
    said = html.unescape(form.panel.question.value)
    folded = re.search(r"<details>.*</details>", said)[0]
    assert preset.question in said and preset.hint in said
    assert (
        preset.answer in folded and preset.question not in folded and " open" not in folded.partition(">")[0]
    )
    assert form.undo() and (form.experiment, form.ranks, form.slow) == (FIRST, 1, 1.0)
    assert form.panel["preset"].widget.value == "" and form.panel.question.value == ""


def test_a_preset_that_needs_more_ranks_says_so() -> None:
    form = form_of(most_ranks=1)
    form.set("preset", PRESETS[0].name)
    assert form.ranks == 1 and "It needs 2 ranks, of which there are 1." in form.panel.question.value


def test_the_question_stays_while_its_settings_are_changed() -> None:
    form = form_of()
    form.set("preset", PRESETS[0].name)
    form.set("ranks", 1)
    assert PRESETS[0].question in form.panel.question.value
    form.set("preset", "")
    assert form.panel.question.value == "" and form.experiment == PRESETS[0].experiment


def test_presets_are_short_and_have_names_of_their_own() -> None:
    assert len({one.name for one in PRESETS}) == len(PRESETS) >= 8
    for one in PRESETS:
        assert one.question.endswith("?") and one.experiment.steps <= 300
        assert one.experiment.problem.resolution <= 64 and one.hint and one.answer


def test_what_goes_wrong_on_purpose_is_what_the_settings_say() -> None:
    named = {one.name: one for one in PRESETS}
    assert named["A norm that sees one rank"].experiment.generator.norm == "rank"
    means = named["Mean of means"].experiment
    shares = [len(block(means.batch, 2, rank)) for rank in range(2)]
    assert means.mean == "ranks" and shares[0] != shares[1]
    assert named["Who waits for whom"].slow > 1
