"""The network of an experiment, the same on every rank."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from pdekit.parallel import Comm, Serial, SyncBatchNorm
from pdekit.train.experiment import DTYPES, Experiment


def network(experiment: Experiment, comm: Comm) -> nn.Module:
    """The generator of `experiment` as it starts, its batch norm over the samples of all ranks of `comm`."""
    layer = partial(norm_layer, experiment.generator.norm, comm)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(experiment.seed)
        module = experiment.build(layer).to(DTYPES[experiment.dtype])
    if experiment.generator.channels_last:
        for p in module.parameters():
            if p.dim() == 4:
                p.data = p.data.contiguous(memory_format=torch.channels_last)
    return module


class GroupNorm(nn.GroupNorm):
    """torch's, whose forward mode knows contiguous fields only."""

    def forward(self, x: Tensor) -> Tensor:
        """x (B, channels, *grid), and the same of it."""
        return super().forward(x if forward_ad.unpack_dual(x).tangent is None else x.contiguous())


def norm_layer(norm: str, comm: Comm, channels: int) -> nn.Module:
    """The norm layer named `norm`; "batch" is over the samples of all ranks."""
    if norm in ("batch", "rank"):
        return SyncBatchNorm(channels, comm if norm == "batch" else Serial())
    if norm == "instance":
        return GroupNorm(channels, channels)  # the same, and unlike InstanceNorm2d it takes a batch of 0
    if norm == "group":
        return GroupNorm(next(g for g in (8, 4, 2, 1) if channels % g == 0), channels)
    return nn.Identity()
