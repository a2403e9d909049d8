"""A machine that is made up: nobody else is on it, and every core is one rank's."""

import copy
from typing import Any

import pytest

import pdekit as pk
from pdekit.measure.machine import machine

EXPERIMENT = "Experiment(problem=Poisson(resolution=16), generator=UNet(width=2, depth=2))"
QUIET = {"seconds": 9.0, "others": 0.01, "stolen": 0.0, "throttled": 0.0, "hot": 0, "who": {}}


def described(
    host: str = "a", cores: tuple[str, ...] = ("0", "1", "2", "3"), **changed: Any
) -> dict[str, Any]:
    """What a rank says of its host."""
    usual = {
        "host": host, "pid": 7, "model": "Fast 9000", "virtual": False, "sockets": 1, "cores": list(cores),
        "processors": 8, "quota": None, "governors": ["performance"], "caches": {"L1d": "32K"}, "memory": 2**34,
        "system": "Linux", "load": 0.1, "clock": 5e-8,
    }  # fmt: skip
    return usual | changed


@pytest.fixture
def plan() -> pk.Plan:
    return pk.Plan(
        (1, 2), (16,), global_batch=4, optimizers=("sgd",), bytes=(8, 64), rounds=4, experiment=EXPERIMENT
    )


@pytest.fixture
def quiet(plan: pk.Plan) -> dict[str, Any]:
    """The machine of two ranks of `plan`, as it is after a round."""
    made = machine(plan, [described(pid=1), described(pid=2)], {"MPI": "mpich 5"})
    made["before"] = {"a": copy.deepcopy(QUIET)}
    made["during"] = [{"a": copy.deepcopy(QUIET)}]
    return made
