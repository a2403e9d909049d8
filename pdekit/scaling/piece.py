"""A piece of work that is measured once in every round: which trials are of the same thing."""

from dataclasses import dataclass, replace

import numpy as np

from pdekit.scaling.measurement import Measurement, Trial


@dataclass(frozen=True)
class Piece:
    """Work that takes one turn in every round; its fields mean what those of a `Trial` mean.

    A "ping-pong" is between rank 0 and the rank `partner`; the others do without it.
    """

    kind: str
    ranks: int
    threads: int = 1
    nodes: int = 1
    bytes: int = 0
    resolution: int = 0
    global_batch: int = 0
    optimizer: str = ""
    partner: int = 0

    @classmethod
    def of(cls, trial: Trial) -> "Piece":
        """The piece that was measured, less its `partner`."""
        size = 0 if trial.kind == "step" else trial.bytes  # a step's bytes are what came out
        names = ("kind", "ranks", "threads", "nodes", "resolution", "global_batch", "optimizer")
        return cls(bytes=size, **{name: getattr(trial, name) for name in names})

    @property
    def key(self) -> "Piece":
        """As `of` gives it."""
        return replace(self, partner=0)

    @property
    def world(self) -> int:
        """How many ranks, the first ones, are asked."""
        return max(self.ranks, self.partner + 1)

    @property
    def where(self) -> str:
        """On how many ranks, threads and machines."""
        ranks = f"{self.ranks} rank{'s' if self.ranks > 1 else ''}"
        threads = f" x {self.threads} threads" if self.threads > 1 else ""
        return ranks + threads + (f" on {self.nodes} machines" if self.nodes > 1 else "")

    def __str__(self) -> str:
        if self.kind != "step":
            return f"{self.kind} of {in_bytes(self.bytes)}, {self.where}"
        return f"{self.optimizer}, grid {self.resolution}, batch {self.global_batch}, {self.where}"


def in_bytes(count: int) -> str:
    """Such as 4 KiB."""
    for unit, size in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count} B"


def by_piece(measurement: Measurement) -> dict[Piece, tuple[np.ndarray, np.ndarray]]:
    """Rounds and seconds (rounds,) of each piece."""
    found: dict[Piece, tuple[list[int], list[float]]] = {}
    for trial in measurement.trials:
        order, seconds = found.setdefault(Piece.of(trial), ([], []))
        order.append(trial.round)
        seconds.append(trial.seconds)
    return {piece: (np.array(order), np.array(seconds)) for piece, (order, seconds) in found.items()}
