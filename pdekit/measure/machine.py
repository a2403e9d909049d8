"""The machine of a measurement: what the hosts of its ranks are, put together."""

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pdekit.measure.plan import Plan
from pdekit.parallel.comm import library

Described = Mapping[str, Any]
"""What `host.describe` gave."""


def versions(ranks: int) -> dict[str, str]:
    """Of what computes and talks here; of MPI where there is more than one rank."""
    import torch

    import pdekit

    found = {"pdekit": pdekit.__version__, "python": platform.python_version(), "torch": torch.__version__}
    return found | ({"MPI": library()} if ranks > 1 else {})


def machine(plan: Plan, described: Sequence[Described], versions: Mapping[str, str]) -> dict[str, Any]:
    """As `Measurement.machine` has it; `described` by each rank of the plan."""
    ranks = [one["host"] for one in described]
    hosts = {}
    for name in dict.fromkeys(ranks):
        here = [one for one in described if one["host"] == name]
        hosts[name] = {key: value for key, value in here[0].items() if key not in ("host", "pid")}
        hosts[name]["cores"] = len({core for one in here for core in one["cores"]})
    return {
        "hosts": hosts,
        "ranks": ranks,
        "cores": [one["cores"] for one in described],
        "versions": dict(versions),
        "plan": plan.values(),
        "began": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "before": {},
        "during": [],
        "warnings": [],
    }


def leaders(described: Sequence[Described]) -> dict[int, list[int]]:
    """The first rank on each host -> the processes of all ranks there."""
    hosts = [one["host"] for one in described]
    return {
        hosts.index(name): [one["pid"] for one in described if one["host"] == name]
        for name in dict.fromkeys(hosts)
    }
