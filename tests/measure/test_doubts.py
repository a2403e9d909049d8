"""Why figures cannot be trusted, on machines and readings that are made up."""

from typing import Any

import numpy as np
import pytest

import pdekit as pk
from pdekit.measure import doubts
from pdekit.measure.machine import leaders, machine
from tests.measure.conftest import QUIET, described


def said(plan: pk.Plan, machine: dict[str, Any], trials: tuple[pk.Trial, ...] = ()) -> list[str]:
    return doubts.all_of(plan, pk.Measurement(trials, machine))


def test_a_quiet_machine_gives_no_cause(plan: pk.Plan, quiet: dict) -> None:
    assert said(plan, quiet) == []


def test_ranks_that_share_a_core(plan: pk.Plan) -> None:
    """Two ranks bound to one core, and to two, on one machine and on two. Fails if cores of all machines are added."""
    one, other = described(cores=("0",)), described(cores=("1",))

    def of(*ranks: dict) -> list[str]:
        return doubts.sharing(plan, machine(plan, ranks, {}))

    assert of(one, other) == [] and of(one, described("b", cores=("0",))) == []
    assert len(of(one, one)) == 1 and "2 threads share 1 core" in of(one, one)[0]
    limited = described(quota=1.0)
    assert "2 threads share 1 core" in of(limited, limited)[0]


def test_a_governor_that_saves_power_and_a_slow_clock(plan: pk.Plan, quiet: dict) -> None:
    quiet["hosts"]["a"] |= {"governors": ["performance", "powersave"], "clock": 3e-6}
    governor, clock = said(plan, quiet)
    assert governor.startswith("a: the frequency governor is powersave") and "cpupower" in governor
    assert "a look at the clock takes 3.0 µs" in clock


@pytest.mark.parametrize(
    ("when", "words"), [("before", "before the start"), ("during", "in the worst of 2 rounds")]
)
def test_who_else_is_busy_and_when(plan: pk.Plan, quiet: dict, when: str, words: str) -> None:
    """4 cores. Fails if a quiet round hides a busy one."""
    busy = QUIET | {"others": 0.9, "who": {"chromium": 0.6, "cc1": 0.2}}
    if when == "before":
        quiet["before"]["a"] = busy
    else:
        quiet["during"] = [{"a": busy}, {"a": QUIET}]
    assert said(plan, quiet) == [f"a: others kept 0.9 of 4 cores busy {words} (chromium 0.6, cc1 0.2)"]


def test_a_machine_that_gets_too_hot(plan: pk.Plan, quiet: dict) -> None:
    quiet["during"] = [{"a": QUIET | {"hot": 3}}, {"a": QUIET | {"hot": 4}}]
    assert said(plan, quiet) == ["a: cores were slowed down because of their heat, 7 times in all"]


def test_what_the_hypervisor_and_the_quota_take(plan: pk.Plan, quiet: dict) -> None:
    quiet["during"] = [{"a": QUIET | {"stolen": 0.5, "throttled": 0.25}}]
    stolen, throttled = said(plan, quiet)
    assert "other virtual machines the time of 0.50 of 4 cores in the round" in stolen
    assert "quota held threads back for the time of 0.25 of 4 cores" in throttled


def test_a_machine_at_which_nobody_looked(plan: pk.Plan, quiet: dict) -> None:
    quiet |= {"before": {}, "during": [{}]}
    assert said(plan, quiet) == ["a: who else is busy was not looked at: psutil is not installed"]


def steps(*seconds: float, ranks: int = 1) -> tuple[pk.Trial, ...]:
    return tuple(
        pk.Trial("step", ranks, s, number, optimizer="sgd", resolution=16) for number, s in enumerate(seconds)
    )


def test_rounds_that_differ(plan: pk.Plan, quiet: dict) -> None:
    """Quartiles 1 and 1.3 of a median 1.15. Fails if different pieces are taken for rounds of one."""
    assert said(plan, quiet, steps(1, 1.02, 1, 1.01) + steps(3, 3.01, 3, 3, ranks=2)) == []
    (words,) = said(plan, quiet, steps(1, 1.3, 1.3, 1))
    assert words.startswith(
        "1 of 1 times differ between the rounds by more than 15% (quartiles): sgd, grid 16"
    )
    assert "26%" in words


@pytest.mark.parametrize(("factor", "words"), [(1.1, "10% longer"), (1 / 1.1, "9% less")])
def test_steps_that_take_longer_and_longer(plan: pk.Plan, quiet: dict, factor: float, words: str) -> None:
    """Trials come in the order of turns, not of rounds. Fails if the order of the file is taken."""
    trials = steps(1, 1, factor, factor)
    (said_,) = said(plan, quiet, tuple(np.array(trials, dtype=object)[[3, 0, 2, 1]]))
    assert words in said_


def test_one_rank_of_each_machine_leads() -> None:
    ranks = [described("a", pid=5), described("b", pid=6), described("a", pid=7)]
    assert leaders(ranks) == {0: [5, 7], 1: [6]}
