"""The ranks: communication, shares of a batch, synchronised batch norm, and the sum of loss and gradient."""

from pdekit.parallel.batchnorm import SyncBatchNorm
from pdekit.parallel.blocks import Blocks
from pdekit.parallel.comm import Comm, Serial, World
from pdekit.parallel.flat import FlatModule
from pdekit.parallel.reduction import Build, Overlapped, Sharded, Together
from pdekit.parallel.shares import block, share

REDUCTIONS = {"together": Together, "overlapped": Overlapped, "sharded": Sharded, "reproducible": Blocks}
"""Ways to the sum of loss and gradient over the ranks."""

__all__ = [
    "REDUCTIONS",
    "Build",
    "Comm",
    "FlatModule",
    "Serial",
    "SyncBatchNorm",
    "World",
    "block",
    "share",
]
