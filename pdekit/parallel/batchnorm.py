"""Batch norm over the samples of all ranks, so that the local batch does not matter (arXiv:2007.12792, section 3).

Not torch's `SyncBatchNorm`, which refuses CPU tensors. Per layer, one message forward (count, sum and sum of squares)
and one backward. Every pass over x is one that a batch norm needs, and what is a number per channel is left to NumPy:
on small grids a layer costs what calling its operations costs.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from pdekit.parallel.comm import Comm

CANCELLED = 10.0  # mean^2 / variance from which on the sum of squares says too little
PIECE = 2**15  # numbers of a channel that torch adds up one by one, in x's own type
TYPES = {torch.float32: np.float32, torch.float64: np.float64}
Statistics = tuple[float, np.ndarray, np.ndarray]
"""Count, mean (C,) and biased variance (C,) over all ranks, float64, the same bits on each."""


class SyncBatchNorm(nn.Module):
    """Batch norm of (B, C, *) over the concatenated batch of all ranks of `comm`; a rank's B may be 0.

    Forward, backward and running statistics equal those of `torch.nn.BatchNorm2d` on the concatenated batch.
    While `hold` is set the running statistics wait for `advance()`: a line search tries points that are not
    steps.
    """

    def __init__(self, channels: int, comm: Comm, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.comm, self.eps, self.momentum, self.hold = comm, eps, momentum, False
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self._latest: Statistics | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *) -> (B, C, *)."""
        if not self.training:
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        y, self._latest = _Normalise.apply(x, self.weight, self.bias, self.eps, self.comm)
        if not self.hold:
            self.advance()
        return y

    def advance(self) -> None:
        """Move the running statistics towards those of the latest batch."""
        if self._latest is not None:
            count, mean, variance = self._latest
            self.running_mean.lerp_(_tensor(mean, self.running_mean), self.momentum)
            unbiased = variance * (count / max(count - 1, 1))
            self.running_var.lerp_(_tensor(unbiased, self.running_var), self.momentum)


class _Normalise(torch.autograd.Function):
    """`(x - mean) / std * weight + bias`, differentiated through mean and variance over all ranks; and those."""

    @staticmethod
    def forward(ctx, x, weight, bias, eps, comm):
        statistics = _, mean, variance = _statistics(x, comm)
        inverse = 1 / np.sqrt(variance + eps)
        scale = weight.numpy() * inverse
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        ctx.known = comm, statistics, inverse, scale
        return _affine(x, scale, bias.numpy() - mean * scale), statistics

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream, _):
        (x,) = ctx.saved_tensors
        comm, (count, mean, _), inverse, scale = ctx.known
        mine = _sums(upstream, x, _tensor(mean, x), _tensor(inverse, x))  # of dy, and of dy xhat
        sums = mine.copy()
        comm.allreduce(sums)
        # dx = w/s (dy - mean(dy) - mean(dy xhat) xhat)
        sums *= scale / -count
        sums[1] *= inverse
        dx = _affine(x, sums[1], sums[0] - sums[1] * mean)
        dx.addcmul_(upstream, _per_channel(scale, x))
        # this rank's part only: the flat message adds up the ranks
        return dx, _tensor(mine[1], x), _tensor(mine[0], x), None, None

    @staticmethod
    def jvp(ctx, dx, dweight, dbias, *_):
        """The derivative along `dx`, `dweight`, `dbias`, for Gauss-Newton's products; one message."""
        (x,) = ctx.saved_tensors
        comm, (count, mean, _), inverse, scale = ctx.known
        sums = _sums(dx, x, _tensor(mean, x), _tensor(inverse, x))  # of dx, and of dx xhat
        comm.allreduce(sums)
        # dy = w/s (dx - mean(dx) - mean(dx xhat) xhat) + dw xhat + db
        slope = (dweight.numpy() - scale * sums[1] / count) * inverse
        dy = _affine(x, slope, dbias.numpy() - scale * sums[0] / count - slope * mean)
        return dy.addcmul_(dx, _per_channel(scale, x)), None


def _statistics(x: Tensor, comm: Comm) -> Statistics:
    """Of (B, C, *), by one message; by a second one, around the mean, where the mean is large and squares cancel."""
    count, mean, squares = _means(x, comm)
    variance = squares - mean * mean
    if (mean * mean > CANCELLED * variance).any():
        shift = _per_channel(mean, x)
        _, rest, squares = _means(x - shift, comm)
        mean = shift.flatten().numpy() + rest
        variance = squares - rest * rest
    return count, mean, variance


def _means(x: Tensor, comm: Comm) -> Statistics:
    """Count, and means of x and x^2, over all ranks."""
    channels = x.shape[1]
    message = np.empty(2 * channels + 1)
    message[:-1] = _sums(x, x, *_zero_and_one(channels, x.dtype)).ravel()
    message[-1] = x.numel() // channels
    comm.allreduce(message)
    count = message[-1]
    message /= count
    return count, message[:channels], message[channels:-1]


def _sums(dy: Tensor, x: Tensor, mean: Tensor, inverse: Tensor) -> np.ndarray:
    """Sums over all but the channels of dy and of dy (x - mean) inverse: (2, C), float64, in one pass."""
    total = np.zeros((2, x.shape[1]))
    for a, b in zip(_pieces(dy, x), _pieces(x, x), strict=True):
        _, products, sums = torch.ops.aten.native_batch_norm_backward.default(
            a, b, None, None, None, mean, inverse, True, 0.0, [False, True, True]
        )
        total[0] += sums.numpy()
        total[1] += products.numpy()
    return total


def _pieces(x: Tensor, like: Tensor) -> list[Tensor]:
    """Whole samples, or lines of one, of which torch's sums are accurate."""
    if not like.numel():
        return []
    size = like.numel() // (like.shape[0] * like.shape[1])  # of a sample's channel
    if size * like.shape[0] <= PIECE:
        return [x]
    samples = x.split(max(1, PIECE // size))
    if size <= PIECE or like.is_contiguous():  # then torch adds up line by line
        return list(samples)
    return [piece for one in samples for piece in one.split(max(1, PIECE * x.shape[2] // size), dim=2)]


@cache
def _zero_and_one(channels: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    return torch.zeros(channels, dtype=dtype), torch.ones(channels, dtype=dtype)


def _affine(x: Tensor, scale: np.ndarray, offset: np.ndarray) -> Tensor:
    """scale x + offset, with one of each (C,) per channel."""
    return torch.addcmul(_per_channel(offset, x), x, _per_channel(scale, x))


def _per_channel(values: np.ndarray, x: Tensor) -> Tensor:
    """`values` (C,), to be spread over x (B, C, *)."""
    return _tensor(values, x).view(1, -1, *(1,) * (x.dim() - 2))


def _tensor(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(values.astype(TYPES[like.dtype]))
