"""The measurement itself, on the ranks of a job: piece after piece in turns, round after round."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pdekit import checks
from pdekit.measure.busy import IDLE, Watch, watch
from pdekit.measure.host import describe
from pdekit.measure.machine import leaders, machine, versions
from pdekit.measure.meeting import gathered, meet, told
from pdekit.measure.plan import Plan
from pdekit.measure.record import Record, Say
from pdekit.measure.turn import take
from pdekit.parallel import Comm, Serial, World
from pdekit.parallel.agree import together
from pdekit.scaling.measurement import Measurement

Worlds = Callable[[int], Comm | None]
"""The communicator of the first so many ranks, for these."""


def run(
    plan: Plan,
    comm: Comm,
    file: str | Path | None = None,
    say: Say | None = None,
    worlds: Worlds = World,
) -> Measurement:
    """Measure `plan` on the ranks of `comm`, all of this job's; the same on all of them.

    What is measured is in `file` (of rank 0) from turn to turn; a file that is there is gone on with, if it is of this
    plan and machine. `say` is called on rank 0 before each turn. A rank without a part in it sleeps. ValueError, on
    all ranks, for more ranks than there are, and where `file` is another's or cannot be written.
    """
    if max(plan.ranks) > comm.size:
        remedy = f"start as many, or give ranks up to {comm.size}"
        raise checks.refuse("ranks", f"at most the {comm.size} of this job", max(plan.ranks), remedy)
    described = [json.loads(text) for text in gathered(comm, json.dumps(describe()))]
    mine = described[comm.rank]["host"]
    looking = watch(leaders(described).get(comm.rank, []))
    time.sleep(IDLE)  # who is busy while we are not?
    record = together(comm, lambda: _record(plan, comm, described, file))
    before = _readings(comm, mine, looking)
    if record is not None:
        record.begin(before)
    turns = plan.turns([one["host"] for one in described])
    todo = json.loads(told(comm, json.dumps(record.todo() if record is not None else [])))
    made = {comm.size: comm, 1: Serial()}
    for turn, following in zip(todo, [*todo[1:], None], strict=True):
        number, piece = turns[turn]
        if record is not None and say is not None:
            say(*record.standing(turn))
        meet(comm)
        start = time.monotonic()
        if comm.rank < piece.world:
            if piece.world not in made:
                made[piece.world] = worlds(piece.world)
            trial = take(plan, piece, number, made[piece.world])
            if record is not None:
                record.add(trial, time.monotonic() - start)
        if following is None or turns[following][0] != number:
            meet(comm)
            reading = _readings(comm, mine, looking)
            if record is not None:
                record.end_round(reading)
    return Measurement.parse(told(comm, record.measurement.text() if record is not None else ""))


def _record(
    plan: Plan, comm: Comm, described: list[dict[str, Any]], file: str | Path | None
) -> Record | None:
    """On rank 0, which keeps it."""
    if comm.rank:
        return None
    here = machine(plan, described[: max(plan.ranks)], versions(comm.size))
    return Record(plan, here, None if file is None else Path(file))


def _readings(comm: Comm, host: str, looking: Watch | None) -> dict[str, Any]:
    """Of each host, by its name, what one of its ranks has seen of others since the last time."""
    said = "" if looking is None else json.dumps([host, looking.reading()])
    return dict(json.loads(text) for text in gathered(comm, said) if text)
