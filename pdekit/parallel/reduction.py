"""From shares to the loss and its gradient: one message after backward, overlapped with it, or cut into parts.

A reduction holds the network, or several copies of it (`blocks.Blocks`), and knows what is said between the ranks in
one evaluation.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from pdekit.parallel.comm import Comm, Pending
from pdekit.parallel.flat import FlatModule
from pdekit.parallel.shares import block, share
from pdekit.products import Products

Build = Callable[[Comm], nn.Module]
"""Makes the network, the same on every rank and at every call; its norm layers talk over the given Comm."""
Share = Callable[[int], Tensor]
"""This rank's share of the loss, of its copy number k of the network."""

BUCKET = 2**20  # bytes of gradient that travel together while backward goes on


class Together:
    """All of this rank's samples in one graph; gradient, loss and riders in one message, in place, no copies.

    `ride` is what this rank adds to the `riders`, numbers that are summed over the ranks beside the loss. `dot` gives
    inner products of vectors like x, the same bits on all ranks.
    """

    def __init__(self, build: Build, comm: Comm, riders: int = 0) -> None:
        self.comm = comm
        self.flats = [FlatModule(build(comm), riders, place=comm.rank, places=comm.size)]
        self.dot = Products()
        self.parameters = self.flats[0].parameters  # (P,), the same on all ranks after `settle`
        self.ride = torch.zeros(riders, dtype=self.parameters.dtype)
        self.riders = self.flats[0].riders

    @property
    def modules(self) -> list[nn.Module]:
        """The copies of the network on this rank; the first predicts."""
        return [flat.module for flat in self.flats]

    @property
    def x(self) -> Tensor:
        """What this rank's optimizer changes: all parameters, or its part of them."""
        return self.parameters

    def split(self, vector: Tensor) -> list[Tensor]:
        """Views of a vector like the parameters, shaped like those of the layers."""
        return self.flats[0].split(vector)

    def shares(self, indices: np.ndarray) -> list[np.ndarray]:
        """The global samples of each copy on this rank, possibly none."""
        return [share(indices, self.comm)]

    def evaluate(self, share: Share, x: Tensor) -> tuple[float, Tensor]:
        """Loss and gradient, summed over the ranks, at x: both like `self.x`."""
        self._go_to(x)
        flat = self.flats[0]
        flat.backward(share(0), self.ride)
        self._send(flat)
        return flat.loss, flat.gradient

    def _go_to(self, x: Tensor) -> None:
        if x is not self.parameters:
            self.parameters.copy_(x)

    def _send(self, flat: FlatModule) -> None:
        self.comm.allreduce(flat.message.numpy())

    def settle(self) -> None:
        """Bring the parameters up to date on all ranks after the optimizer's move."""


class Overlapped(Together):
    """The message in buckets, each on its way as soon as backward has made it.

    Backward makes the gradients of the last layers first, and the parameters are in the order of the layers: buckets
    leave from the end of the vector, on all ranks in the same order. The first one takes loss and riders along. Each
    layer's gradient is also the occasion to let those under way move on.

    Batch norm over all ranks leaves little to gain: its own message in each layer's backward arrives behind the
    buckets that are under way. Networks with another norm gain more: tests/benchmarks/shaped.py.
    """

    def __init__(self, build: Build, comm: Comm, riders: int = 0) -> None:
        super().__init__(build, comm, riders)
        flat = self.flats[0]
        sizes = [p.numel() for p in flat.tensors]
        self._bounds, self._left = _buckets(sizes, BUCKET // flat.message.itemsize)
        self._pieces = [flat.message.numpy()[a:b] for a, b in self._bounds]
        self._of = [
            k for k, count in enumerate(self._left) for _ in range(count)
        ]  # of each parameter from the end
        self._missing, self._flying = list(self._left), list[Pending]()
        for bucket_, tensor in zip(self._of, reversed(flat.tensors), strict=True):
            tensor.register_post_accumulate_grad_hook(partial(self._made, bucket_))

    def evaluate(self, share: Share, x: Tensor) -> tuple[float, Tensor]:
        """The same."""
        self._missing, self._flying = list(self._left), []
        return super().evaluate(share, x)

    def _made(self, bucket: int, _: Tensor) -> None:
        self._missing[bucket] -= 1
        for pending in self._flying:
            pending.poke()
        while len(self._flying) < len(self._missing) and self._missing[len(self._flying)] == 0:
            self._flying.append(self.comm.start_allreduce(self._pieces[len(self._flying)]))

    def _send(self, flat: FlatModule) -> None:
        for piece in self._pieces[
            len(self._flying) :
        ]:  # those with parameters that the loss does not depend on
            self._flying.append(self.comm.start_allreduce(piece))
        for pending in self._flying:
            pending.wait()


def _buckets(sizes: Sequence[int], least: int) -> tuple[list[tuple[int, int | None]], list[int]]:
    """Bounds in the message of buckets of at least `least` numbers, the last first, and how many tensors each has."""
    bounds: list[tuple[int, int | None]] = []
    counts: list[int] = []
    stop, count = sum(sizes), 0
    start = stop
    for size in reversed(sizes):
        start, count = start - size, count + 1
        if stop - start >= least or start == 0:
            bounds.append((start, stop if bounds else None))  # what follows the gradient goes with the first
            counts.append(count)
            stop, count = start, 0
    return bounds, counts


class Sharded(Together):
    """Each rank's optimizer has its part of the vector, so that its state is shared out over the ranks.

    Reduce-scatter of the gradient, one small message for loss and riders, update, and the parts gathered: the scheme
    called ZeRO 2 (Rajbhandari, Rasley, Ruwase and He 2020, arXiv:1910.02054). Forward and backward are those of all.
    """

    def __init__(self, build: Build, comm: Comm, riders: int = 0) -> None:
        super().__init__(build, comm, riders)
        mine = block(len(self.parameters), comm.size, comm.rank)
        self._part = self.parameters[mine.start : mine.stop]
        self.dot = Products(comm.allreduce)  # summed over the ranks' parts
        self._seen = self._part._version  # of the part that the other ranks have

    @property
    def x(self) -> Tensor:
        """This rank's part of the parameters."""
        return self._part

    def evaluate(self, share: Share, x: Tensor) -> tuple[float, Tensor]:
        """The loss, and this rank's part of the gradient."""
        if x is not self._part:
            self._part.copy_(x)
        self.settle()
        flat = self.flats[0]
        flat.backward(share(0), self.ride)
        part = self.comm.reduce_scatter(flat.gradient.numpy())
        self.comm.allreduce(flat.message[len(flat.gradient) :].numpy())
        return flat.loss, torch.from_numpy(part)

    def settle(self) -> None:
        """Gather the parts, if this rank's has changed (then those of all have)."""
        if self._part._version != self._seen:
            self.comm.gather_parts(self.parameters.numpy())
            self._seen = self._part._version
