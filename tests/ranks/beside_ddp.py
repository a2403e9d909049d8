"""What the ranks do in the tests of the benchmark's DDP."""

import os

import numpy as np
from torch import distributed

import pdekit as pk
from pdekit.parallel import Comm
from tests.benchmarks.ddp import Distributed
from tests.benchmarks.steps import TUNED
from tests.benchmarks.sync_norm import SyncNorm


def beside_ddp(comm: Comm, norms: list[str], store: str) -> list[dict]:
    """Of each of `norms` the losses of a few steps, ours and DDP's, and how far the running statistics differ."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    distributed.init_process_group("gloo", f"file://{store}/gloo", rank=comm.rank, world_size=comm.size)
    found = []
    for norm in norms:
        generator = pk.UNet(width=4, depth=2, norm=norm)
        settings = {"samples": 12, "batch": 5, "steps": 8, "dtype": "float64", "schedule": "constant"}
        experiment = pk.Experiment(pk.Poisson(16), generator, **settings)
        theirs = Distributed(experiment, comm.rank, comm.size, SyncNorm, **TUNED)
        parts = np.array(theirs.advance(experiment.steps))
        comm.allreduce(parts)
        solver = pk.Solver(experiment, comm)
        losses = solver.run().loss
        ours, buffers = dict(solver.generator.named_buffers()), dict(theirs.network.module.named_buffers())
        apart = [
            float((value - buffers[name.removeprefix("body.")]).abs().max()) for name, value in ours.items()
        ]
        found.append({"ours": losses.tolist(), "DDP": parts.tolist(), "apart": max(apart, default=0.0)})
    distributed.destroy_process_group()
    return found
