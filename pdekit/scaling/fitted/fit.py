"""A measurement in, the model of this machine out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pdekit import checks
from pdekit.scaling.fitted.messages import Messages, fit_messages
from pdekit.scaling.fitted.scatter import doublings
from pdekit.scaling.fitted.sound import on_a_node
from pdekit.scaling.fitted.step_fit import fit_steps
from pdekit.scaling.fitted.steps import Steps
from pdekit.scaling.laws import karp_flatt, speed_up
from pdekit.scaling.measurement import Measurement, Trial

LITTLE = 0.005  # of a time: nothing to speak of
LOUD = 0.5  # of a time: too much to see anything


@dataclass(frozen=True)
class Model:
    """What was fitted of messages and steps; None where nothing of the kind was measured. `notes` say what to know."""

    messages: Messages | None
    steps: Steps | None
    notes: list[str] = field(default_factory=list)
    machine: Mapping[str, Any] = field(default_factory=dict)


def fit(measurement: Measurement, cores: int | None = None) -> Model:
    """Fit the messages and the steps of a measurement, with notes in words on what was left out and why.

    `cores` are those of one machine: allreduces of more ranks than that are left out, as there each waits for its turn
    on a core, and steps of more are known to take turns. None: as `measurement.machine` says.

    ValueError for a measurement without allreduces and steps, and all those of `fit_messages` and `fit_steps`.
    """
    cores = cores_of(measurement.machine) if cores is None else checks.whole("cores", cores)
    notes = list(measurement.warnings)
    messages = _messages(measurement, cores, notes)
    steps = None
    if len(measurement.of("step")):
        steps = fit_steps(measurement, messages, cores)
        notes += _about_steps(measurement, steps)
    else:
        notes.append("no steps were measured: messages only")
    if messages is None and steps is None:
        raise checks.refuse(
            "measurement", "allreduces or steps", "neither", "measure some with `pdekit scale`"
        )
    return Model(messages, steps, notes, dict(measurement.machine))


def cores_of(machine: Mapping[str, Any]) -> int | None:
    """Cores of each of the machines that ranks may use; None where the measurement does not say.

    As `measurement.machine["hosts"]` of `pdekit scale` has them: the fewest, and no more than a container's quota.
    """
    hosts = machine.get("hosts", {}).values()
    return min((max(1, round(min(h["cores"], h.get("quota") or h["cores"]))) for h in hosts), default=None)


def _messages(measurement: Measurement, cores: int | None, notes: list[str]) -> Messages | None:
    """Those of ranks with a core each, and between machines if there are several."""
    found = [trial for trial in measurement.of("allreduce").trials if trial.ranks > 1]
    if not found:
        notes.append("no allreduces between ranks were measured: steps on several ranks need a network given")
        return None
    found = _left_out(
        found,
        lambda t: cores is None or on_a_node(t) <= cores,
        f"they share {cores} cores of a machine",
        notes,
    )
    if any(trial.nodes > 1 for trial in found):
        found = _left_out(
            found, lambda t: t.nodes > 1, "they are on one machine, the others on several", notes
        )
    pings = measurement.of("ping-pong").trials
    between = any(trial.nodes > 1 for trial in found)
    found += [trial for trial in pings if (trial.nodes > 1) == between]
    messages = fit_messages(Measurement(found, measurement.machine), None if between else cores)
    sizes = sorted(set(messages.ranks.astype(int).tolist()))
    short, long = messages.scatter.size(doublings(np.array([messages.bytes.min(), messages.bytes.max()])))
    notes.append(
        f"an allreduce looks like {messages.algorithm}, {messages.link.latency:.2g} s a round and "
        f"{messages.link.bandwidth / 1e9:.2g} GB/s; "
        f"short ones scatter around it by {short:.0%} of their time, long ones by {long:.0%}"
    )
    if long > LOUD:
        notes.append("that is too much to learn anything: measure again while nothing else runs")
    if len(sizes) == 1:
        notes.append(f"allreduces of {sizes[0]} ranks only: no other number of ranks is predicted from them")
    elif len(messages.fits) > 1:
        others = ", ".join(fit.form.name for fit in messages.fits[1:])
        notes.append(f"these times cannot tell it from {others}: the band holds them all")
    return messages


def _left_out(trials: list[Trial], kept: Callable[[Trial], bool], why: str, notes: list[str]) -> list[Trial]:
    """The trials that are kept; all of them, with a note, if none would be."""
    some = [trial for trial in trials if kept(trial)]
    ranks = sorted({t.ranks for t in trials} - {t.ranks for t in some})
    if ranks:
        notes.append(f"allreduces on {_listed(ranks)} ranks {'were left out' if some else 'stay'}: {why}")
    return some or trials


def _about_steps(measurement: Measurement, steps: Steps) -> list[str]:
    notes = []
    left_out = sum("overlap=True" in t.experiment for t in measurement.of("step").trials)
    if left_out:
        notes.append(f"{left_out} steps with overlap were left out")
    if len(steps.ranks) == 1:
        notes.append(f"steps on {steps.ranks[0]} ranks only: no other number of ranks is predicted from them")
    compute = steps.compute
    for optimizer, known in compute.locals.items():
        if len(known) == 1:
            notes.append(f"{optimizer}: {known[0]} samples per rank only, so no other number is predicted")
    if compute.bus < LITTLE and len(steps.ranks) > 1:
        notes.append("ranks do not slow each other down, or no weak scaling was measured that would show it")
    elif compute.bus >= LITTLE:
        notes.append(f"each other busy core makes computing {compute.bus:.0%} slower: a shared memory bus")
    return notes + _serial_fractions(measurement)


def _serial_fractions(measurement: Measurement) -> list[str]:
    """Karp and Flatt's, of every strong scaling: growing with the ranks it is overhead, not serial work."""
    notes = []
    for key, of in (
        measurement.of("step").groups("optimizer", "resolution", "global_batch", "threads").items()
    ):
        medians = {k[0]: float(np.median(g.column("seconds"))) for k, g in of.groups("ranks").items()}
        if 1 not in medians or len(medians) < 2:
            continue
        ranks = np.array(list(medians))
        found = karp_flatt(speed_up(ranks, np.array(list(medians.values()))), ranks)
        said = ", ".join(f"{f:.2f} on {p}" for p, f in zip(ranks, found, strict=True) if p > 1)
        notes.append(f"serial fraction of {key[0]} at {key[1]} nodes a side, batch {key[2]}: {said} ranks")
    return notes


def _listed(numbers: list[int]) -> str:
    return " and ".join(map(str, numbers))
