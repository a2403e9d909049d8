"""Who is to blame for a loss or a gradient that is not finite."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pdekit.parallel.drift import DriftError
from pdekit.pde.problem import Samples

if TYPE_CHECKING:
    from pdekit.train.solver import Solver

KINDS = ("input", "loss", "gradient")
SHARED = (FloatingPointError, DriftError)  # what every rank raises, at the same step


def blame(
    solver: "Solver", number: int, loss: float, parts: list[Samples], shares: list[np.ndarray]
) -> FloatingPointError:
    """The error of step `number`: names the first sample whose input, loss or gradient is at fault, and its rank.

    Asks all ranks: the evaluation is done once more, watched. `parts` are this rank's samples, `shares` their global
    numbers.
    """
    found = [(len(KINDS), -1)]  # (kind, sample) of those at fault on this rank

    def note(kind: int, values: Tensor, k: int) -> None:
        fine = torch.isfinite(values.detach()).flatten(1).all(dim=1).numpy()
        found.extend((kind, int(sample)) for sample in shares[k][~fine])

    def share(k: int) -> Tensor:
        note(0, parts[k].inputs, k)
        u, losses = solver.losses(k, parts[k])
        note(1, losses[:, None], k)
        u.register_hook(lambda gradient: note(2, gradient, k))
        return losses.sum()

    solver.reduction.evaluate(share, solver.reduction.x)
    ranks = solver.comm.allgather(np.array(min(found)))
    kind, sample, rank = min((*pair, rank) for rank, pair in enumerate(ranks.tolist()))
    what = (
        f"a loss of {loss}"
        if not np.isfinite(loss)
        else f"a gradient that is not finite at a loss of {loss:g}"
    )
    where = (
        f"first in the {KINDS[kind]} of sample {sample} on rank {rank}"
        if sample >= 0
        else "in no sample alone"
    )
    remedy = f"use a smaller rate than {solver.course.base(number)} or dtype='float64'"
    if kind == 0:
        remedy = "mend the sample's data"
    return FloatingPointError(
        f"step {number}: expected a finite loss and gradient, got {what}, {where}; {remedy}"
    )
