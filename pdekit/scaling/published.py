"""Training on many GPUs as others have published it, and what a machine's model says of it: data/horovod.csv.

Each step, every GPU works through its own samples (weak scaling) and sends its gradient in messages of up to `fused`
bytes, from the last layers on, while it still works on the first: Horovod (Sergeev and Del Balso 2018,
arXiv:1802.05799). It knows nothing of stragglers, of the time in which the ranks agree on what to send, of reading the
images, nor of other traffic: all of these make real efficiencies lower. And it takes the gradient to be ready in
proportion to the time spent, where VGG's last layers hold nine tenths of it.
"""

import numpy as np
from numpy.typing import ArrayLike

from pdekit import checks
from pdekit.scaling.link import Network
from pdekit.scaling.network.machines import Machine, machines
from pdekit.tabled import table

HOROVOD = "Horovod 2018, P100 and 25 Gb/s RoCE"
FUSED = 64 * 2**20  # bytes: Horovod's buffer for tensor fusion
BACKWARD = 2 / 3  # of the time of a step on one GPU: backward does twice the multiplications of forward


class _Ring:
    """The only algorithm of NCCL then."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def allreduce(self, bytes: ArrayLike, ranks: ArrayLike) -> np.ndarray:
        return self._machine.allreduce(bytes, ranks, "ring")


def horovod() -> dict[str, np.ndarray]:
    """The columns of data/horovod.csv, and the model's efficiencies `without_overlap` and `with_overlap`, (rows,) each.

    Both are of rings over all GPUs. What was published lies between them, or a little above for VGG-16, whose largest
    gradients are ready first.
    """
    columns, network = table("horovod"), _Ring(machines()[HOROVOD])
    steps = columns["batch"] / columns["images_per_second"]
    rows = list(zip(steps, 4 * columns["parameters"], columns["gpus"], strict=True))  # float32
    for name, overlap in (("without_overlap", False), ("with_overlap", True)):
        columns[name] = np.array([efficiency(*row, network, overlap) for row in rows])
    return columns


def efficiency(
    seconds: float,
    gradient: float,
    ranks: ArrayLike,
    network: Network,
    overlap: bool = True,
    fused: float = FUSED,
) -> np.ndarray:
    """Samples per second and rank on `ranks` ranks, as a part of those on one: (ranks,), 1 on one rank.

    `seconds` are those of a step on one rank, `gradient` its bytes. With `overlap`, a message starts as soon as
    backward has come to its end and the one before is over; without, all of them follow backward. ValueError for
    seconds, bytes or a buffer that are not above 0.
    """
    (
        checks.positive("seconds", seconds),
        checks.positive("gradient", gradient),
        checks.positive("fused", fused),
    )
    p = np.asarray(ranks)
    edges = np.minimum(np.arange(1, int(np.ceil(gradient / fused)) + 1) * fused, gradient)
    over = np.full(p.shape, seconds * (1 - BACKWARD if overlap else 1.0))
    for start, end in zip((0.0, *edges[:-1]), edges, strict=True):
        ready = seconds * (1 - BACKWARD * (1 - end / gradient)) if overlap else 0.0
        over = np.maximum(over, ready) + network.allreduce(end - start, p)
    return seconds / np.maximum(over, seconds)
