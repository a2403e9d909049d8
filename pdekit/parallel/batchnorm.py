"""Batch norm over the samples of all ranks, so that the local batch does not matter (arXiv:2007.12792, section 3).

Not torch's `SyncBatchNorm`, which refuses CPU tensors. Per layer, one message forward (count, mean and sum of
squared deviations of each rank) and one backward.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from pdekit.parallel.comm import Comm


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
        self._latest: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *) -> (B, C, *)."""
        if not self.training:
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        count, mean, variance = _global_moments(x.detach(), self.comm)
        self._latest = mean, variance * (count / max(count - 1, 1))
        if not self.hold:
            self.advance()
        return _Normalise.apply(x, self.weight, self.bias, mean, variance, count, self.eps, self.comm)

    def advance(self) -> None:
        """Move the running statistics towards those of the latest batch."""
        if self._latest is not None:
            self.running_mean.lerp_(self._latest[0].to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(self._latest[1].to(self.running_var.dtype), self.momentum)


def _global_moments(x: Tensor, comm: Comm) -> tuple[int, Tensor, Tensor]:
    """Count, mean (C,) and biased variance (C,) over all ranks, float64, by one message.

    Means and squared *deviations* are merged (Chan, Golub and LeVeque 1983), in the order of the ranks:
    nothing cancels when the mean is large, and every rank gets the same bits.
    """
    channels = x.shape[1]
    local = np.zeros(1 + 2 * channels)
    local[0] = x.numel() // channels if x.numel() else 0
    if local[0]:
        over = [0, *range(2, x.dim())]
        shift = x.mean(over)
        deviation = x - shift.view(_per_channel(x))  # from a mean with rounding error, whose rest is `drift`
        drift = deviation.mean(over).double()
        local[1 : channels + 1] = shift.double() + drift
        local[channels + 1 :] = (deviation.square_().mean(over).double() - drift.square()) * local[0]
    ranks = comm.allgather(local)
    counts, means, squares = ranks[:, :1], ranks[:, 1 : channels + 1], ranks[:, channels + 1 :]
    count = counts.sum()
    mean = means[0] + (counts * (means - means[0])).sum(axis=0) / count
    variance = (squares + counts * (means - mean) ** 2).sum(axis=0) / count
    return int(count), torch.from_numpy(mean), torch.from_numpy(variance)


def _per_channel(x: Tensor) -> tuple[int, ...]:
    """The shape that spreads (C,) over x (B, C, *)."""
    return 1, -1, *(1,) * (x.dim() - 2)


class _Normalise(torch.autograd.Function):
    """`(x - mean) / std * weight + bias`, differentiated through mean and variance over all ranks."""

    @staticmethod
    def forward(ctx, x, weight, bias, mean, variance, count, eps, comm):
        inverse = torch.rsqrt(variance + eps).to(x.dtype)
        mean, variance = mean.to(x.dtype), variance.to(x.dtype)
        ctx.save_for_backward(x, weight, mean, variance, inverse)
        ctx.count, ctx.eps, ctx.comm = count, eps, comm
        return functional.batch_norm(x, mean, variance, weight, bias, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        x, weight, mean, variance, inverse = ctx.saved_tensors
        if x.numel():
            _, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward.default(
                upstream, x, weight, None, None, mean, inverse, True, ctx.eps, [False, True, True]
            )
        else:
            of_weight, of_bias = torch.zeros_like(weight), torch.zeros_like(weight)
        sums = torch.stack([of_weight, of_bias]).double()
        ctx.comm.allreduce(sums.numpy())
        # dx = w/s (dy - mean(dy xhat) xhat - mean(dy)): the last two terms are a batch norm of x again
        a = weight * inverse
        b, c = (sums * (a / -ctx.count)).to(x.dtype)
        dx = functional.batch_norm(x, mean, variance, b, c, eps=ctx.eps)
        dx.addcmul_(upstream, a.view(_per_channel(x)))
        # this rank's part only: the flat message adds up the ranks
        return dx, of_weight, of_bias, None, None, None, None, None
