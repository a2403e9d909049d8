"""Where the time of a step goes, and how much of a gradient is hidden behind backward."""

from dataclasses import dataclass

import numpy as np

from pdekit.scaling.link import Network

BUCKET = (
    1 << 20
)  # bytes of a gradient that are sent as soon as they are there, as pdekit.train does with overlap
BACKWARD = (
    2 / 3
)  # of computing: about twice as much as forward, Kaplan et al. (2020), arXiv:2001.08361, section 2.1


@dataclass(frozen=True)
class Prediction:
    """Of a step on `ranks` (n,), seconds (n,) each: `seconds` is the sum of the four parts, inside `low` and `high`.

    `compute` is what a rank does with its even share of the samples, `norms` the messages of the batch norms and all
    other small ones, `gradient` what of the gradient's message is not hidden, `waiting` for the rank that has most
    samples and for those that are late.
    """

    ranks: np.ndarray
    compute: np.ndarray
    norms: np.ndarray
    gradient: np.ndarray
    waiting: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def seconds(self) -> np.ndarray:
        """Of a step."""
        return self.compute + self.norms + self.gradient + self.waiting


@dataclass(frozen=True)
class Traffic:
    """What a rank hands over in a step: `small` messages of `small_bytes` in all, `gradients` of `gradient` bytes."""

    small: int
    small_bytes: float
    gradients: int
    gradient: float

    @classmethod
    def of(cls, messages: int, bytes: int, gradient: int) -> "Traffic":
        """From the counts of a `Trial`; a method that evaluates several times a step sends as many gradients."""
        if messages == 0 or gradient == 0:
            return cls(messages, float(bytes), 0, 0.0)
        gradients = max(1, min(messages, bytes // gradient))
        return cls(messages - gradients, float(bytes - gradients * gradient), gradients, float(gradient))

    def norms_seconds(self, ranks: np.ndarray, network: Network) -> np.ndarray:
        """All small messages one after the other, each of their mean size."""
        return self.small * network.allreduce(self.small_bytes / max(1, self.small), ranks)

    def gradient_seconds(
        self, ranks: np.ndarray, network: Network, compute: np.ndarray, overlap: bool = False
    ) -> np.ndarray:
        """What a step waits for the gradient's messages.

        With `overlap` they are sent in m buckets, each as soon as that part of backward is done, and one after the
        other: bucket i of m is there at i/m of backward's b seconds and takes c, so the last one arrives
        max(c, m c - (m - 1) / m b) after backward: wait-free backpropagation (Shi, Chu and Li 2019,
        arXiv:1811.11141) with equal layers. The norms' messages that wait behind a bucket are left out.
        """
        if not overlap or self.gradient == 0:
            return self.gradients * network.allreduce(self.gradient, ranks)
        buckets = -(-self.gradient // BUCKET)
        each = network.allreduce(self.gradient / buckets, ranks)
        hidden = (buckets - 1) / buckets * BACKWARD * compute / self.gradients
        return self.gradients * np.maximum(each, buckets * each - hidden)
