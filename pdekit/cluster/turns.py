"""Measuring on the engine side: functions that run there, for `scale`."""

import time
from types import SimpleNamespace
from typing import Any

from pdekit.cluster.engine import world
from pdekit.measure import Plan, busy
from pdekit.measure.host import describe
from pdekit.measure.machine import versions
from pdekit.measure.turn import take
from pdekit.scaling import Trial
from pdekit.scaling.piece import Piece

slot = SimpleNamespace(watch=None)  # what this engine sees of other programs


def introduce() -> tuple[dict[str, Any], dict[str, str]]:
    """This engine's machine, and the versions of what runs on it."""
    return describe(), versions(world().size)


def watch(leaders: dict[int, list[int]]) -> dict[str, Any] | None:
    """Look from now on how busy others are, where this rank leads a machine's processes; what it sees at rest."""
    slot.watch = busy.watch(leaders.get(world().rank, []))
    time.sleep(busy.IDLE)
    return reading()


def reading() -> dict[str, Any] | None:
    """What others have done since the last."""
    return None if slot.watch is None else slot.watch.reading()


def measure(plan: Plan, piece: Piece, number: int) -> Trial | None:
    """Collective: a turn of `piece`."""
    return take(plan, piece, number, world(piece.world))
