"""A solver as it is after a step: taken apart into tensors for a checkpoint, and put together from one."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

import pdekit
from pdekit.parallel import block
from pdekit.train.checkpoint import Checkpoint, name_of
from pdekit.train.history import COLUMNS, Step
from pdekit.train.parts import refusal

if TYPE_CHECKING:
    from pathlib import Path

    from pdekit.train.solver import Solver


def take(solver: "Solver", folder: "Path", since: int) -> tuple[Callable[[], dict[str, Tensor]], Checkpoint]:
    """What makes the tensors that this rank writes, and the description, both as of now, whenever it is called.

    `since` is the step before the losses of the checkpoint.
    """
    reduction, comm = solver.reduction, solver.comm
    count = len(reduction.parameters)
    mine = block(count, comm.size, comm.rank)
    state, numbers = solver.optimizer.state()
    vectors = {name: v for name, v in state.items() if v.shape == reduction.x.shape}
    held = {"parameters": reduction.parameters} | {f"optimizer.{name}": v for name, v in vectors.items()}
    copies = {name: (v[mine.start : mine.stop] if len(v) == count else v).clone() for name, v in held.items()}
    if comm.rank == 0:
        others = _others(solver.generator).items()
        # those of the optimizer that are not like x are the same on all ranks
        copies |= {f"beside.{name}": v.clone() for name, v in state.items() if name not in vectors}
        copies |= {f"state.{name}": v.clone(memory_format=torch.contiguous_format) for name, v in others}
    history = solver.history.copy()

    def tensors() -> dict[str, Tensor]:
        # a long history becomes arrays in the thread that writes
        ranks = {"ranks": torch.from_numpy(history.ranks.table[:, comm.rank :: comm.size].copy())}
        columns = COLUMNS if comm.rank == 0 else ()
        return copies | ranks | {f"history.{c}": torch.from_numpy(getattr(history, c)) for c in columns}

    losses = [step.loss for step in history.steps[since:] if step.resolution == solver.resolution]
    description = Checkpoint(
        path=folder / name_of(len(history)),
        step=len(history),
        seconds=solver.seconds,
        experiment=str(solver.experiment),
        loss=float(np.mean(losses)) if losses else float("inf"),
        resolution=solver.resolution,
        visit=solver._visit,
        stalled=solver.stalled,
        every=solver.checkpoints.every,
        keep=solver.checkpoints.keep,
        parts=comm.size,
        parameters=count,
        dtype=solver.experiment.dtype,
        vectors=list(held),
        numbers=numbers,
        pdekit=pdekit.__version__,
        torch=str(torch.__version__),
        rates=list(solver.course.rates),
    )
    return tensors, description


def restore(solver: "Solver", checkpoint: Checkpoint) -> None:
    """Bring `solver`, just made from the checkpoint's experiment, to where that was; ValueError if it does not fit."""
    reduction, comm, path = solver.reduction, solver.comm, checkpoint.path
    count = len(reduction.parameters)
    if (checkpoint.parameters, checkpoint.dtype) != (count, solver.experiment.dtype):
        expected = f"{count} parameters of {solver.experiment.dtype}, as its experiment has"
        raise refusal(path, expected, f"{checkpoint.parameters} of {checkpoint.dtype}")
    state, columns = checkpoint.tensors("state."), checkpoint.tensors("history.")
    expected, got = ({k: tuple(v.shape) for k, v in of.items()} for of in (_others(solver.generator), state))
    if got != expected:
        raise refusal(path, f"the tensors {expected} beside the parameters", got)
    whole = len(reduction.x) == count
    mine = range(count) if whole else block(count, comm.size, comm.rank)
    vectors = {
        name.removeprefix("optimizer."): checkpoint.vector(name, mine)
        for name in checkpoint.vectors
        if name.startswith("optimizer.")
    }
    reduction.parameters.copy_(checkpoint.vector("parameters", range(count)))
    solver.course.rates = list(checkpoint.rates or solver.course.rates)
    solver.optimizer = solver.course.optimizer(max(checkpoint.step, 1))
    solver.optimizer.load(vectors | checkpoint.tensors("beside."), checkpoint.numbers)
    for module in reduction.modules:
        module.load_state_dict(state, strict=False)
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    steps = [Step(**dict(zip(columns, row, strict=True))) for row in rows]
    solver.history.go_on_from(steps, checkpoint.ranks().numpy())
    solver.seconds, solver.stalled, solver._visit = checkpoint.seconds, checkpoint.stalled, checkpoint.visit
    if checkpoint.step:
        solver.problem = solver.experiment.problem.at(checkpoint.resolution)
        solver._latest = solver.batch(checkpoint.step)


def _others(module: nn.Module) -> dict[str, Tensor]:
    """The tensors of `module` that are not trained."""
    trained = {name for name, p in module.named_parameters() if p.requires_grad}
    return {name: tensor for name, tensor in module.state_dict().items() if name not in trained}
