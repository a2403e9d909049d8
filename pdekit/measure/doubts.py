"""Why a figure cannot be trusted, in words; empty where nothing speaks against it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pdekit.measure.plan import Plan
from pdekit.processors import Crew
from pdekit.scaling.measurement import Measurement
from pdekit.scaling.piece import Piece, by_piece

SHARE = 0.05  # of a machine's cores that others may use
STOLEN = 0.02  # of them that the hypervisor or a quota may take
SPREAD = 0.15  # between the quartiles over the rounds, of the median
DRIFT = 0.05  # from the first half of the rounds to the last
CLOCK = 1e-6  # seconds
NAMED = 3  # pieces


def all_of(plan: Plan, measurement: Measurement) -> list[str]:
    """Everything there is to say."""
    machine = measurement.machine
    return [
        *sharing(plan, machine),
        *hosts(machine),
        *others(machine),
        *rounds(measurement),
    ]


def sharing(plan: Plan, machine: Mapping[str, Any]) -> list[str]:
    """Ranks or their threads that share a core."""
    found = {}
    for ranks in plan.ranks:
        for threads in plan.threads:
            for host in dict.fromkeys(machine["ranks"][:ranks]):
                here = [rank for rank in range(ranks) if machine["ranks"][rank] == host]
                cores = len({core for rank in here for core in machine["cores"][rank]})
                quota = machine["hosts"][host]["quota"]
                limit = cores if quota is None else max(1, min(cores, round(quota)))
                warning = Crew(len(here), threads, limit).warning
                if warning:
                    found[warning] = None
    return list(found)


def hosts(machine: Mapping[str, Any]) -> list[str]:
    """Governors that save power, and clocks that are slow to read."""
    said = []
    for name, host in machine["hosts"].items():
        saving = [governor for governor in host["governors"] if governor != "performance"]
        if saving:
            said.append(
                f"{name}: the frequency governor is {', '.join(saving)}: a core that has waited starts slowly; "
                "`cpupower frequency-set -g performance` (as root) sets it"
            )
        if host["clock"] > CLOCK:
            said.append(
                f"{name}: a look at the clock takes {1e6 * host['clock']:.1f} µs: short messages look longer"
            )
    return said


def others(machine: Mapping[str, Any]) -> list[str]:
    """Other programs, other virtual machines, a container's quota: before, and in the worst round."""
    said = []
    for name, host in machine["hosts"].items():
        cores = host["cores"]
        rounds = [reading[name] for reading in machine["during"] if name in reading]
        times = [("before the start", [machine["before"][name]] if name in machine["before"] else [])]
        times += [(f"in {_worst_of(len(rounds))}", rounds)]
        if not any(readings for _, readings in times):
            said.append(f"{name}: who else is busy was not looked at: psutil is not installed")
        hot = sum(reading.get("hot", 0) for reading in rounds)
        if hot:
            said.append(f"{name}: cores were slowed down because of their heat, {hot} times in all")
        for when, readings in times:
            if not readings:
                continue
            worst = max(readings, key=lambda reading: reading["others"])
            if worst["others"] > SHARE * cores:
                who = ", ".join(f"{one} {busy:.1f}" for one, busy in worst["who"].items())
                named = f" ({who})" if who else ""
                said.append(f"{name}: others kept {worst['others']:.1f} of {cores} cores busy {when}{named}")
            for key, words in (
                ("stolen", "the hypervisor gave other virtual machines"),
                ("throttled", "the container's quota held threads back for"),
            ):
                most = max(reading[key] for reading in readings)
                if most > STOLEN * cores:
                    said.append(f"{name}: {words} the time of {most:.2f} of {cores} cores {when}")
    return said


def rounds(measurement: Measurement) -> list[str]:
    """Times that differ between the rounds, or go one way from the first to the last."""
    spreads: dict[Piece, float] = {}
    drifts = []
    for piece, (order, seconds) in by_piece(measurement).items():
        if len(seconds) < 4:
            continue
        low, middle, high = np.quantile(seconds, (0.25, 0.5, 0.75))
        spreads[piece] = (high - low) / middle
        half = len(seconds) // 2
        ordered = seconds[np.argsort(order)]
        if piece.kind == "step":
            drifts.append(np.median(ordered[-half:]) / np.median(ordered[:half]))
    said = []
    wide = sorted((piece for piece in spreads if spreads[piece] > SPREAD), key=lambda piece: -spreads[piece])
    if wide:
        named = "; ".join(f"{piece}: {spreads[piece]:.0%}" for piece in wide[:NAMED])
        more = f" and {len(wide) - NAMED} more" if len(wide) > NAMED else ""
        said.append(
            f"{len(wide)} of {len(spreads)} times differ between the rounds by more than {SPREAD:.0%} "
            f"(quartiles): {named}{more}; a noisy neighbour, or too short"
        )
    drift = float(np.median(drifts)) - 1 if drifts else 0.0
    if drift > DRIFT:
        said.append(
            f"steps took {drift:.0%} longer in the last rounds than in the first: heat, or a neighbour that came"
        )
    elif drift < -DRIFT:
        said.append(
            f"steps took {-drift:.0%} less in the last rounds than in the first: a neighbour that went"
        )
    return said


def _worst_of(count: int) -> str:
    return "the round" if count == 1 else f"the worst of {count} rounds"
