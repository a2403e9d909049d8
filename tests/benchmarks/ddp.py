"""The same training with torch's DistributedDataParallel: same U-Net, batches, samples, losses and optimizer.

`SyncBatchNorm` refuses CPU tensors. With torch's `BatchNorm2d` each rank has statistics of its own: another training,
and 36 messages fewer in a step of the default U-Net. With `SyncNorm`, or with a norm that looks at one sample alone, it
is the same training. It does not add up the ranks' losses.
"""

import warnings
from functools import partial

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import pdekit as pk
from pdekit.generators.generator import NormLayer
from pdekit.parallel import Serial, block
from pdekit.train.experiment import DTYPES
from pdekit.train.network import norm_layer
from pdekit.train.objectives import OBJECTIVES
from tests.benchmarks.plain_unet import PlainUNet


class Distributed:
    """`batch_norm` makes the batch norms, if the network has any; `options` are DDP's. Needs the process group.

    The network is the U-Net written with torch's modules in `memory_format`, or pdekit's for None.
    """

    def __init__(
        self,
        experiment: pk.Experiment,
        rank: int,
        size: int,
        batch_norm: NormLayer = nn.BatchNorm2d,
        memory_format: torch.memory_format | None = torch.contiguous_format,
        **options: bool,
    ) -> None:
        norm = experiment.generator.norm
        self.rank, self.size, self.number = rank, size, 0
        self.solver = pk.Solver(experiment)  # for its batches, samples and heads; its network is not trained
        layer = batch_norm if norm == "batch" else partial(norm_layer, norm, Serial())
        torch.manual_seed(experiment.seed)
        module = experiment.build(layer)
        if memory_format is not None:
            ours, module = module, PlainUNet(experiment.generator, layer, memory_format)
            module.start_like(ours)
        elif experiment.generator.channels_last:
            module.to(memory_format=torch.channels_last)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # broadcast_buffers is to get another name
            self.network = DistributedDataParallel(module.to(DTYPES[experiment.dtype]), **options)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=experiment.rate, weight_decay=1e-2, fused=True
        )

    def advance(self, steps: int) -> list[float]:
        """This rank's part of the loss in each of `steps` steps."""
        parts = []
        for _ in range(steps):
            self.number += 1
            solver, batch = self.solver, self.solver.batch(self.number)
            mine = block(len(batch), self.size, self.rank)
            samples = solver.samples([batch[mine.start : mine.stop]])[0]
            u = solver.field(solver.problem, samples, self.network)
            losses = OBJECTIVES[solver.experiment.objective](solver.problem.losses(u, samples))
            self.optimizer.zero_grad()
            (losses.sum() * self.size / len(batch)).backward()  # DDP takes the mean over the ranks
            self.optimizer.step()
            parts.append(losses.detach().sum().item() / len(batch))
        return parts
