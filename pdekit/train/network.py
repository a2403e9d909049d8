"""The network of an experiment, the same on every rank."""

from functools import partial

import torch
from torch import nn

from pdekit.parallel import Comm, SyncBatchNorm
from pdekit.parallel.flat import as_vector, shaped
from pdekit.train.experiment import DTYPES, Experiment


def network(experiment: Experiment, comm: Comm) -> nn.Module:
    """The generator of `experiment` as it starts, its batch norm over the samples of all ranks of `comm`."""
    layer = partial(norm_layer, experiment.generator.norm, comm)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(experiment.seed)
        module = experiment.build(layer).to(DTYPES[experiment.dtype])
    for p in (
        module.parameters()
    ):  # laid out as they are while they are trained: a loaded network has the same bits
        p.data = shaped(as_vector(p.data), p.shape)
    return module


def norm_layer(norm: str, comm: Comm, channels: int) -> nn.Module:
    """The norm layer named `norm`, over the samples of all ranks where it is a batch norm."""
    if norm == "batch":
        return SyncBatchNorm(channels, comm)
    if norm == "instance":
        return nn.GroupNorm(channels, channels)  # the same, and unlike InstanceNorm2d it takes a batch of 0
    if norm == "group":
        return nn.GroupNorm(next(g for g in (8, 4, 2, 1) if channels % g == 0), channels)
    return nn.Identity()
