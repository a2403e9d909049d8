"""The same training with torch's DistributedDataParallel: same network, batches, samples, losses and optimizer.

`SyncBatchNorm` refuses CPU tensors, so that each rank has a batch norm of its own. That is another training, and it
favours DDP here: 36 messages fewer in a step of the default U-Net. Nor does it add up the ranks' losses.
"""

import warnings

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import pdekit as pk
from pdekit.parallel import block
from pdekit.train.objectives import OBJECTIVES


class Distributed:
    """`options` are DistributedDataParallel's. Needs the process group."""

    def __init__(self, experiment: pk.Experiment, rank: int, size: int, **options: bool) -> None:
        self.rank, self.size, self.number = rank, size, 0
        self.solver = pk.Solver(experiment)  # for its batches, samples and heads; its network is not trained
        torch.manual_seed(experiment.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # broadcast_buffers is to get another name
            self.network = DistributedDataParallel(experiment.build(nn.BatchNorm2d), **options)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=experiment.rate, weight_decay=1e-2, fused=True
        )

    def advance(self, steps: int) -> None:
        """`steps` steps."""
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
