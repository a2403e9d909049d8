"""What a message costs on its way, and what a network has to answer."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from pdekit import checks


@dataclass(frozen=True)
class Link:
    """The alpha-beta-gamma model: n bytes take `latency + n / bandwidth`, and adding them up `n * summing`.

    latency in seconds, bandwidth in bytes per second and direction, summing in seconds per byte (0: for nothing).
    Hockney (1994), Parallel Computing 20, 389-398; Thakur, Rabenseifner and Gropp (2005), section 3. ValueError for a
    latency or a bandwidth that is not above 0, or a summing below 0.
    """

    latency: float
    bandwidth: float
    summing: float = 0.0

    def __post_init__(self) -> None:
        checks.positive("latency", self.latency)
        checks.positive("bandwidth", self.bandwidth)
        checks.number("summing", self.summing, least=0)


class Network(Protocol):
    """What carries the messages of a step: a fitted one, or a machine of the table."""

    def allreduce(self, bytes: ArrayLike, ranks: ArrayLike) -> np.ndarray:
        """Seconds of an allreduce of `bytes` on `ranks` ranks, broadcast against each other; 0 on one rank."""
        ...
