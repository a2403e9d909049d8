"""A measurement in, a model with its notes out."""

from dataclasses import replace

import pytest

import pdekit as pk
from pdekit.scaling import Measurement
from tests.scaling.synthetic import Training, allreduces, both_ways, rabenseifner

LAW = rabenseifner(5e-6, 1 / 5e9)
HOSTS = {"hosts": {"here": {"cores": 4, "quota": None}}}


def measured(ranks: tuple[int, ...], machine: dict | None = None) -> Measurement:
    training = Training(LAW, cores=4)
    messages = allreduces(LAW, [p for p in ranks if p > 1])
    return Measurement(messages.trials + training.steps(both_ways(ranks, (32, 64))).trials, machine or HOSTS)


def said(model, text: str) -> bool:
    return any(text in note for note in model.notes)


def test_all_of_it_is_fitted_and_told() -> None:
    model = pk.fit(measured((1, 2, 4)))
    assert model.steps.predict([1, 8], 64).seconds.shape == model.messages.allreduce(8, [1, 8]).shape == (2,)
    assert model.steps.messages is model.messages and model.machine == HOSTS
    assert said(model, "an allreduce looks like") and said(model, "a shared memory bus")
    assert said(model, "serial fraction of adamw at 64 nodes a side, batch 16: ")
    assert not said(model, "left out")


def test_allreduces_of_ranks_that_share_cores_are_left_out() -> None:
    """They wait for their turns: on 8 ranks a thousand times as long."""
    crowded = [replace(t, ranks=8, seconds=1000 * t.seconds) for t in allreduces(LAW, (4,), seed=1).trials]
    whole = measured((1, 2, 4))
    model = pk.fit(Measurement([*whole.trials, *crowded], HOSTS))
    assert said(model, "allreduces on 8 ranks were left out: they share 4 cores of a machine")
    assert float(model.messages.allreduce(1e6, 8)) == pytest.approx(LAW(1e6, 8), rel=0.1)
    quota = {"hosts": {"here": {"cores": 64, "quota": 4.0}}}
    assert said(pk.fit(Measurement([*whole.trials, *crowded], quota)), "share 4 cores")
    only = pk.fit(Measurement(crowded, HOSTS))
    assert said(only, "allreduces on 8 ranks stay") and said(only, "allreduces of 8 ranks only")


def test_messages_on_one_machine_say_nothing_of_those_between_several() -> None:
    inside = [replace(t, ranks=2, seconds=t.seconds / 50) for t in allreduces(LAW, (2,)).trials]
    between = [replace(t, nodes=t.ranks // 2) for t in allreduces(LAW, (4, 8)).trials]
    model = pk.fit(Measurement(inside + between, HOSTS))
    assert said(model, "allreduces on 2 ranks were left out: they are on one machine, the others on several")
    assert said(model, "no steps were measured") and model.steps is None
    assert float(model.messages.allreduce(1e6, 4)) == pytest.approx(LAW(1e6, 4), rel=0.1)


def test_a_machine_of_two_cores_has_one_world_size_of_messages() -> None:
    model = pk.fit(measured((1, 2)))
    assert said(model, "allreduces of 2 ranks only: no other number of ranks is predicted from them")
    with pytest.raises(ValueError, match="the one world size whose messages were measured"):
        model.steps.predict([1, 2, 4], 16)


def test_steps_with_overlap_and_what_was_warned_of_are_in_the_notes() -> None:
    whole = measured((1, 2, 4), HOSTS | {"warnings": ["others kept 1.0 of 2 cores busy"]})
    hidden = [
        replace(t, seconds=t.seconds / 2, experiment="pk.Experiment(..., overlap=True)")
        for t in whole.of("step").trials
    ]
    model = pk.fit(Measurement(whole.trials + hidden, whole.machine))
    assert (
        said(model, f"{len(hidden)} steps with overlap were left out") and model.notes[0] == whole.warnings[0]
    )
    assert model.steps.predict(2, 16).seconds == pk.fit(whole).steps.predict(2, 16).seconds


def test_without_messages_there_is_the_computing_of_one_rank() -> None:
    model = pk.fit(Training(LAW).steps(both_ways((1, 2, 4), (64,))))
    assert model.messages is None and said(model, "need a network given")
    assert model.steps.predict(1, 16).seconds > 0


def test_nothing_and_one_world_size_are_told() -> None:
    with pytest.raises(ValueError, match="measurement: expected allreduces or steps, got 'neither'"):
        pk.fit(Measurement())
    one = pk.fit(Training(LAW).steps([(1, b, 64) for b in (2, 4, 8)]))
    assert said(one, "steps on 1 ranks only: no other number of ranks is predicted from them")
    with pytest.raises(ValueError, match="the one world size whose steps were measured"):
        one.steps.predict([1, 2], 8)
