"""Two measurements of the same pieces of work: what takes longer now, what less, and what the machines differ in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pdekit import checks
from pdekit.scaling.measurement import Measurement
from pdekit.scaling.piece import Piece, by_piece

SHOWN = 12  # lines
STATIC = (
    "model",
    "virtual",
    "sockets",
    "processors",
    "governors",
    "caches",
    "cores",
)  # of a host: the same later on


@dataclass(frozen=True)
class Change:
    """Median seconds of a piece `before` and `after`; `low` and `high` bound their `ratio` over the rounds of both.

    The bounds are the ratios of the quartiles that lie furthest apart: where 1 is outside, more than half of the rounds
    of either side would have to be wrong for nothing to have changed.
    """

    piece: Piece
    before: float
    after: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """after / before."""
        return self.after / self.before

    @property
    def clear(self) -> bool:
        """Whether it is more than the rounds differ among themselves."""
        return not self.low <= 1 <= self.high

    def __str__(self) -> str:
        spread = f"{self.ratio:.2f} ({self.low:.2f} to {self.high:.2f})"
        return f"{spread:<24} {in_seconds(self.before)} -> {in_seconds(self.after)}  {self.piece}"


@dataclass(frozen=True)
class Changes:
    """Of every piece that both have, a `Change`; of `machine`, what differs: name -> (before, after)."""

    pieces: tuple[Change, ...]
    machine: Mapping[str, tuple[Any, Any]]
    only_before: int
    only_after: int

    def __str__(self) -> str:
        clear = sorted((one for one in self.pieces if one.clear), key=lambda one: -abs(np.log(one.ratio)))
        lines = [f"machine: {name} was {was!r}, is {now!r}" for name, (was, now) in self.machine.items()]
        lines += [f"{len(clear)} of {len(self.pieces)} pieces changed by more than their rounds differ"]
        for kind in dict.fromkeys(one.piece.kind for one in self.pieces):
            ratios = [one.ratio for one in self.pieces if one.piece.kind == kind]
            lines.append(f"{kind}: {np.median(ratios):.2f} times as long, median of {len(ratios)}")
        lines += [str(one) for one in clear[:SHOWN]]
        lines += [f"and {len(clear) - SHOWN} more"] if len(clear) > SHOWN else []
        for count, when in ((self.only_before, "before"), (self.only_after, "now")):
            said = "1 piece was" if count == 1 else f"{count} pieces were"
            lines += [f"{said} measured {when} alone"] if count else []
        return "\n".join(lines)


def compare_measurements(before: Measurement, after: Measurement) -> Changes:
    """Piece by piece what takes how many times as long. ValueError if they have no piece in common."""
    one, other = by_piece(before), by_piece(after)
    both = [piece for piece in one if piece in other]
    if not both:
        remedy = "measure the same ranks, bytes, resolutions, batch and optimizers"
        raise checks.refuse("compare", "two measurements with pieces in common", "none", remedy)
    found = []
    for piece in both:
        was, now = (
            np.quantile(one[piece][1], (0.25, 0.5, 0.75)),
            np.quantile(other[piece][1], (0.25, 0.5, 0.75)),
        )
        found.append(Change(piece, was[1], now[1], now[0] / was[2], now[2] / was[0]))
    differ = differences(before.machine, after.machine)
    return Changes(tuple(found), differ, len(one) - len(both), len(other) - len(both))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What of two machines differs, by name: hosts' properties, who is where, versions; empty if they are alike."""
    one, other = _flat(before), _flat(after)
    return {
        name: (one.get(name), other.get(name))
        for name in dict.fromkeys([*one, *other])
        if one.get(name) != other.get(name)
    }


def in_seconds(value: float) -> str:
    """With three digits, such as 12.3 ms."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} µs"


def _flat(machine: Mapping[str, Any]) -> dict[str, Any]:
    hosts = machine.get("hosts", {})
    found = {f"{name}, {key}": host.get(key) for name, host in hosts.items() for key in STATIC}
    return found | {"ranks": list(machine.get("ranks", []))} | dict(machine.get("versions", {}))
