"""The ranks: communication, shares of a batch, synchronised batch norm, and the sum of loss and gradient."""

from pdekit.parallel.batchnorm import SyncBatchNorm
from pdekit.parallel.comm import Comm, Serial, World
from pdekit.parallel.flat import FlatModule
from pdekit.parallel.shares import block, share

__all__ = ["Comm", "FlatModule", "Serial", "SyncBatchNorm", "World", "block", "share"]
