"""Measurements and a model whose numbers are plain to see; the figures have to show these and no others."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from pdekit.scaling.link import Link
from pdekit.scaling.measurement import Measurement, Trial

STRONG = {1: (0.8, 0.9, 1.0), 2: (0.5, 0.5, 0.5), 4: (0.3, 0.25, 0.4)}  # seconds of a step in three rounds
WEAK = {1: (0.8, 0.9, 1.0), 2: (1.0, 1.0, 1.0), 4: (1.2, 1.0, 1.25)}


def step(ranks: int, seconds: float, number: int = 0, batch: int = 8, **more: Any) -> Trial:
    """A step of which each rank computes 0.7 of the time, or 0.1 less for each rank before it."""
    compute = tuple(seconds * (0.7 - 0.1 * rank) for rank in range(ranks))
    talked = tuple(seconds * 0.95 - one for one in compute)
    more = {"resolution": 64, "optimizer": "adamw"} | more
    return Trial(
        "step", ranks, seconds, number, global_batch=batch, compute=compute, communication=talked, **more
    )


def measured() -> Measurement:
    """Strong scaling with a batch of 8, weak with 8 for each rank, ping-pongs and allreduces on 2 and 4 ranks."""
    trials = []
    for number in range(3):
        trials += [step(p, of[number], number) for p, of in STRONG.items()]
        trials += [step(p, of[number], number, batch=8 * p) for p, of in WEAK.items() if p > 1]
        for size in (1_000, 10_000, 1_000_000):
            trials.append(Trial("ping-pong", 2, (1 + number) * (1e-5 + size / 1e9), number, bytes=size))
            for p in (2, 4):
                trials.append(
                    Trial("allreduce", p, (1 + number) * p * (1e-5 + size / 1e9), number, bytes=size)
                )
    return Measurement(trials, {"cpu": "a fake"})


@dataclass
class Messages:
    """An allreduce takes so much for each doubling of the ranks; the band is a tenth to either side."""

    link: Link = field(default_factory=lambda: Link(1e-5, 1e9))
    algorithm: str = "recursive doubling"

    def allreduce(self, bytes: Any, ranks: Any) -> np.ndarray:
        n, p = np.broadcast_arrays(np.asarray(bytes, float), np.asarray(ranks, float))
        return np.log2(p) * (self.link.latency + n / self.link.bandwidth)

    def band(self, bytes: Any, ranks: Any, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        seconds = self.allreduce(bytes, ranks)
        return 0.9 * seconds, 1.1 * seconds


class Steps:
    """A tenth of a second for each sample of the slowest rank, 36 small messages, one of 4.9 MB."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def predict(
        self,
        ranks: Any,
        global_batch: Any,
        resolution: Any = None,
        network: Any = None,
        optimizer: Any = None,
    ) -> SimpleNamespace:
        self.asked.append({"resolution": resolution, "network": network, "optimizer": optimizer})
        p, batch = np.broadcast_arrays(np.asarray(ranks, float), np.asarray(global_batch, float))
        network = network or Messages()
        compute, most = 0.1 * batch / p, 0.1 * np.ceil(batch / p)
        parts = {
            "compute": compute,
            "norms": 36 * network.allreduce(1000, p),
            "gradient": network.allreduce(4.9e6, p),
            "waiting": most - compute,
        }
        seconds = sum(parts.values())
        return SimpleNamespace(**parts, seconds=seconds, low=0.8 * seconds, high=1.25 * seconds)


def model() -> SimpleNamespace:
    """What `pk.fit` would return."""
    return SimpleNamespace(messages=Messages(), steps=Steps(), notes=[])
