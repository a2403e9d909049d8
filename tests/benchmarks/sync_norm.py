"""Batch norm over all ranks of torch.distributed, as one would write it for DDP on CPUs with torch alone.

torch's own `SyncBatchNorm` and its kernels (`batch_norm_stats`, `batch_norm_elemt`, ...) are for GPUs. This one has its
messages, one per layer and direction, and every pass over x by a fused kernel that torch has for CPUs. Written with
`torch.distributed.nn.functional.all_reduce`, differentiated by autograd, a layer takes two to three times as long.
"""

import torch
from torch import Tensor, distributed, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class SyncNorm(nn.BatchNorm2d):
    """Batch norm of (B, C, H, W) over the samples of all ranks; each rank needs one at least."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        if not self.training:
            return super().forward(x)
        y, mean, variance, count = _Normalise.apply(x, self.weight, self.bias, self.eps)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        return y


class _Normalise(torch.autograd.Function):
    """The output, and mean (C,), biased variance (C,) and count over all ranks."""

    @staticmethod
    def forward(ctx, x, weight, bias, eps):
        mean, variance = torch.batch_norm_update_stats(x, None, None, 0.0)
        count = x.new_tensor([x.numel() // x.shape[1]])
        message = torch.cat([mean * count, (variance + mean * mean) * count, count])
        distributed.all_reduce(message)
        count = message[-1]
        mean, squares = (message[:-1] / count).chunk(2)
        variance = squares - mean * mean
        ctx.save_for_backward(x, weight, mean, torch.rsqrt(variance + eps), count)
        y = functional.batch_norm(x, mean, variance, weight, bias, eps=eps)
        ctx.mark_non_differentiable(mean, variance, count)
        return y, mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream, *_):
        x, weight, mean, inverse, count = ctx.saved_tensors
        _, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward.default(
            upstream, x, weight, None, None, mean, inverse, True, 0.0, [False, True, True]
        )
        message = torch.cat([of_weight, of_bias])
        distributed.all_reduce(message)
        products, sums = (message / count).chunk(2)
        # dx = w/s (dy - mean(dy) - mean(dy xhat) xhat)
        scale = weight * inverse
        slope = -scale * inverse * products
        offset = -scale * sums - slope * mean
        dx = torch.addcmul(_per_channel(offset), x, _per_channel(slope))
        dx.addcmul_(upstream, _per_channel(scale))
        return dx, of_weight, of_bias, None  # DDP adds up the ranks


def _per_channel(values: Tensor) -> Tensor:
    """(C,) -> (1, C, 1, 1)."""
    return values.view(1, -1, 1, 1)
