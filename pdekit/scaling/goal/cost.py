"""What a training run takes to get somewhere, and how long that is on another machine."""

import math
from dataclasses import dataclass

import numpy as np

from pdekit import checks

HOUR = 3600.0  # seconds


@dataclass(frozen=True)
class Cost:
    """`seconds` of one core; `messages` and `bytes` of each rank of several; `epochs` over the samples.

    `batch` is the global batch, and so the number of ranks that can share the work at most.
    """

    seconds: float
    epochs: float
    messages: float
    bytes: float
    batch: int

    def time(self, ranks: int, latency: float, bandwidth: float) -> float:
        """Seconds on `ranks` ranks whose network has this latency (s) and bandwidth (bytes/s): compute + messages.

        The samples are shared out evenly; ranks beyond the batch have none. A message is an allreduce of ceil(log2 P)
        rounds there and back, each of `latency`, in which a rank sends and receives 2 (P - 1) / P of its bytes:
        Rabenseifner's, by Thakur, Rabenseifner and Gropp (2005), Int. J. High Perform. Comput. Appl. 19, 49-66.
        ValueError for numbers that are not above zero.
        """
        ranks = checks.whole("ranks", ranks)
        latency, bandwidth = checks.positive("latency", latency), checks.positive("bandwidth", bandwidth)
        if not math.isfinite(self.seconds):
            return math.inf  # it never gets there
        shares = self.batch / -(-self.batch // ranks)  # the rank with most samples is waited for
        rounds, part = 2 * (ranks - 1).bit_length(), 2 * (ranks - 1) / ranks
        return self.seconds / shares + self.messages * rounds * latency + part * self.bytes / bandwidth


def dollars(network: object, ranks: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """What whole nodes for `ranks` (n,) cost in `seconds` (n,); nan for a network without a price."""
    price, per_node = getattr(network, "price", None), getattr(network, "per_node", 1)
    return np.ceil(ranks / per_node) * (math.nan if price is None else price) * seconds / HOUR
