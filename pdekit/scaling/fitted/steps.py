"""What a step of training takes on any number of ranks and on any network, fitted to measured steps."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pdekit import checks
from pdekit.scaling.arguments import whole_numbers
from pdekit.scaling.fitted.compute import Compute
from pdekit.scaling.fitted.messages import Messages
from pdekit.scaling.fitted.prediction import Prediction, Traffic
from pdekit.scaling.fitted.scatter import Scatter, doublings_outside
from pdekit.scaling.link import Network


@dataclass(frozen=True)
class Steps:
    """Computing + small messages + the gradient's + waiting.

    Ranks wait for the one with ceil(B / P) samples, and for each other: the latest of P ranks whose times scatter is
    late by about sqrt(2 ln P) standard deviations (the expected maximum of P normal numbers, Cramér 1946, Mathematical
    Methods of Statistics, 28.6). `jitter` is that deviation, as a share of the computing. `ranks` and `locals` are the
    numbers of ranks, and of samples per rank, that were measured; at most `per_node` ranks are on a machine.
    """

    compute: Compute
    messages: Messages | None
    traffic: Mapping[str, Traffic]
    jitter: float
    scatter: Scatter
    ranks: tuple[int, ...]
    locals: tuple[int, ...]
    per_node: float

    def predict(
        self,
        ranks: ArrayLike,
        global_batch: ArrayLike,
        resolution: int | None = None,
        network: Network | None = None,
        optimizer: str | None = None,
        *,
        threads: int | None = None,
        overlap: bool = False,
        level: float = 0.9,
    ) -> Prediction:
        """Of steps of `global_batch` samples on `ranks`, broadcast: equal batches scale strongly, growing ones weakly.

        By default at the finest resolution that was measured, with its first optimizer and its fewest threads, over the
        fitted network. Over another `network`, on as many nodes of this kind as the ranks fill, one thread a core: its
        figures are taken as they are, and the band is that of computing, unless it has a `band` of its own.

        ValueError for other world sizes than the one that was measured where there was but one, for settings too far
        from those that were measured, and where no messages were fitted and no network is given.
        """
        p, b = np.broadcast_arrays(whole_numbers("ranks", ranks), whole_numbers("global_batch", global_batch))
        shape, p, b = p.shape, p.ravel(), b.ravel()
        optimizer = next(iter(self.compute.fixed)) if optimizer is None else optimizer
        checks.one_of("optimizer", optimizer, tuple(self.compute.fixed))
        resolution = self.compute.resolutions(optimizer)[-1] if resolution is None else resolution
        threads = self.compute.threads[0] if threads is None else threads
        self._check_ranks(p)
        net = self._network(network, p)
        traffic = self._traffic(optimizer, p)

        busy = np.minimum(p, self.per_node) * threads
        if network is not None:
            busy = np.minimum(p * threads, self.compute.cores)
        most = self.compute.seconds(np.ceil(b / p), busy, resolution, optimizer, threads)
        even = self.compute.seconds(b / p, busy, resolution, optimizer, threads)
        norms = traffic.norms_seconds(p, net)
        gradient = traffic.gradient_seconds(p, net, most, overlap)
        waiting = most - even + self.jitter * most * late(p)
        seconds = even + norms + gradient + waiting

        unsure = self.scatter.size(0.0) * np.sqrt(
            doublings_outside(np.ceil(b / p), np.array(self.locals))
            + doublings_outside(np.array([resolution]), np.array(self.compute.resolutions(optimizer)))
            + (doublings_outside(p, np.array(self.ranks)) if network is None else 0)
        )
        low, high = self.scatter.limits(level, np.zeros(p.shape), unsure * (most + waiting) / seconds)
        below, above = self._network_band(net, traffic, p, norms + gradient, level, network is None)
        parts = (p, even, norms, gradient, waiting)
        return Prediction(
            *(part.reshape(shape) for part in parts),
            (seconds - np.hypot(seconds * (1 - low), below)).clip(0).reshape(shape),
            (seconds + np.hypot(seconds * (high - 1), above)).reshape(shape),
        )

    def _check_ranks(self, p: np.ndarray) -> None:
        if len(self.ranks) == 1 and not np.isin(p, self.ranks).all():
            raise checks.refuse(
                "ranks",
                f"{self.ranks[0]}, the one world size whose steps were measured",
                np.unique(p).astype(int).tolist(),
                "measure steps on a second world size: one tells nothing about how they scale",
            )

    def _network(self, network: Network | None, p: np.ndarray) -> Network:
        if network is not None:
            return network
        if self.messages is None and (p > 1).any():
            raise checks.refuse(
                "network", "one, as no allreduces were measured", None, "give network=, or measure"
            )
        return self.messages or _Nothing()

    def _traffic(self, optimizer: str, p: np.ndarray) -> Traffic:
        if optimizer not in self.traffic and (p > 1).any():
            raise checks.refuse(
                "ranks",
                f"1, as no steps with {optimizer!r} were measured on several ranks",
                np.unique(p).astype(int).tolist(),
                "measure them on 2 ranks, to count the messages",
            )
        return self.traffic.get(optimizer, Traffic(0, 0.0, 0, 0.0))

    def _network_band(
        self, net: Network, traffic: Traffic, p: np.ndarray, seconds: np.ndarray, level: float, own: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """How far below and above the messages may be: within what was measured here, `scatter` has that already."""
        if not hasattr(net, "band"):
            return np.zeros_like(seconds), np.zeros_like(seconds)
        n = max(traffic.gradient, 1.0)
        whole = np.maximum(net.allreduce(n, p), np.finfo(float).tiny)
        low, high = net.band(n, p, level)
        new = (p > 1) & (~((p >= min(self.ranks)) & (p <= max(self.ranks))) if own else True)
        return new * seconds * (1 - low / whole), new * seconds * (high / whole - 1)


class _Nothing:
    """No network: one rank sends nothing."""

    def allreduce(self, bytes: ArrayLike, ranks: ArrayLike) -> np.ndarray:
        return np.zeros(np.broadcast(bytes, ranks).shape)


def late(ranks: np.ndarray) -> np.ndarray:
    """By how many standard deviations the latest of so many ranks is late: (n,)."""
    return np.sqrt(2 * np.log(ranks))
