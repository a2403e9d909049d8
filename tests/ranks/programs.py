"""What the ranks do in the tests: functions of a Comm and plain arguments that return something JSON can hold."""

import hashlib
import time
from unittest import mock

import numpy as np
import torch
from torch import nn

import pdekit as pk
from pdekit.generators.network import BUILD
from pdekit.parallel import Comm, SyncBatchNorm, block, reduction, share
from pdekit.parallel.slow import Slow
from tests.ranks.beside_ddp import beside_ddp  # noqa: F401 (found here by its name)
from tests.ranks.measuring import (  # noqa: F401 (found here by their names)
    asleep,
    bounced,
    on_machines,
    refused,
    scaled,
    words,
)
from tests.ranks.resuming import bad_disk, go_on, late_once  # noqa: F401 (found here by their names)


def losses(comm: Comm, runs: list[dict]) -> list[dict]:
    """Loss history and a digest of the final state of each of `runs` (settings of an Experiment)."""
    return [train(comm, **run) for run in runs]


def train(
    comm: Comm, resolution: int = 16, norm: str = "batch", dropout: float = 0.0, **settings: object
) -> dict:
    generator = pk.UNet(width=4, depth=2, norm=norm, dropout=dropout)
    experiment = pk.Experiment(pk.Poisson(resolution), generator, schedule="constant", **settings)
    with mock.patch.object(reduction, "BUCKET", 1000):  # some buckets even for a small network
        solver = pk.Solver(experiment, comm)
        solver.run()
    state = b"".join(t.numpy().tobytes() for t in solver.generator.state_dict().values())
    return {"losses": solver.history.loss.tolist(), "digest": hashlib.sha256(state).hexdigest()}


def histories(comm: Comm, experiments: list[str]) -> list[list[float]]:
    """The losses of each of `experiments`, read from its text; the replicas have to stay the same bits."""
    losses = []
    for text in experiments:
        solver = pk.Solver(pk.Experiment.parse(text, code=True), comm)
        losses.append(solver.run().loss.tolist())
        replicas = comm.allgather(solver.reduction.parameters.numpy())
        assert all(np.array_equal(one, replicas[0]) for one in replicas), text
    return losses


def own_network(comm: Comm, code: str, counts: list[int]) -> float:
    """Largest deviation of a user's module on the ranks from that with torch's own layers on the whole batch.

    `code` has no dropout. Its output, its parameters' gradients, its running statistics.
    """
    recipe = pk.Network(code)
    torch.manual_seed(0)
    ours = recipe.build(lambda channels: SyncBatchNorm(channels, comm)).double()
    torch.manual_seed(0)
    theirs = BUILD.call(code, 1, 1, 2).double()
    whole = 2 * torch.randn(sum(counts), 1, 7, 6, dtype=torch.float64) + 1
    start = sum(counts[: comm.rank])
    mine = slice(start, start + counts[comm.rank])
    expected, out = theirs(whole), ours(whole[mine])
    expected.pow(3).sum().backward(), out.pow(3).sum().backward()
    deviations = [(out - expected[mine]).detach()]
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        comm.allreduce(a.grad.numpy())
        deviations.append((a.grad - b.grad) / b.grad.abs().max())
    buffers = dict(theirs.named_buffers())
    deviations += [value - buffers[name] for name, value in ours.named_buffers()]
    return max(float(one.abs().max()) for one in deviations if one.numel())


def batch_norm(comm: Comm, counts: list[int]) -> float:
    """Largest deviation of forward, backward and statistics from torch's batch norm on the concatenated batch."""
    torch.manual_seed(0)
    whole = 3 * torch.randn(sum(counts), 5, 6, 4, dtype=torch.float64) + 10
    upstream = torch.randn(sum(counts), 5, 6, 4, dtype=torch.float64)
    theirs, ours = nn.BatchNorm2d(5).double(), SyncBatchNorm(5, comm).double()
    with torch.no_grad():
        theirs.weight.copy_(torch.linspace(0.5, 2, 5)), ours.weight.copy_(torch.linspace(0.5, 2, 5))
    x = whole.clone().requires_grad_()
    y = theirs(x)
    y.backward(upstream)
    start = sum(counts[: comm.rank])
    mine = slice(start, start + counts[comm.rank])
    local = whole[mine].clone().requires_grad_()
    out = ours(local)
    out.backward(upstream[mine])
    of_parameters = torch.stack([ours.weight.grad, ours.bias.grad])
    comm.allreduce(of_parameters.numpy())
    pairs = [
        (out, y[mine]),
        (local.grad, x.grad[mine]),
        (of_parameters, torch.stack([theirs.weight.grad, theirs.bias.grad])),
        (ours.running_mean, theirs.running_mean),
        (ours.running_var, theirs.running_var),
    ]
    return max((float((a - b).detach().abs().max()) for a, b in pairs if a.numel()), default=0.0)


def collectives(comm: Comm) -> dict:
    """Sum and gather of arrays that differ by rank; the same bits everywhere."""
    rng = np.random.default_rng(comm.rank)
    array = rng.normal(size=10_007).astype(np.float32)
    mine = array.copy()
    gathered = comm.allgather(array)
    comm.allreduce(array)
    assert np.array_equal(gathered[comm.rank], mine)
    assert np.allclose(array, gathered.sum(axis=0), atol=1e-5)
    assert (comm.sent, comm.messages) == (2 * mine.nbytes, 2) and comm.seconds > 0
    return {
        "sum": hashlib.sha256(array.tobytes()).hexdigest(),
        "all": hashlib.sha256(gathered.tobytes()).hexdigest(),
    }


def smaller_worlds(comm: Comm) -> list[int]:
    """The sum of the ranks inside worlds of every size; 0 where this rank is outside. Outsiders do not take part."""
    sums = []
    for size in range(1, comm.size + 1):
        inside = pk.World(size)
        total = np.array([float(comm.rank)])
        if inside is None:
            total[:] = 0
        else:
            assert (inside.rank, inside.size) == (comm.rank, size)
            inside.allreduce(total)
        sums.append(int(total[0]))
    return sums


def error_of_all(comm: Comm, count: int) -> float:
    """Mean held-out error of an untrained generator, shared out over the ranks."""
    solver = pk.Solver(pk.Experiment(pk.Poisson(16), pk.UNet(width=4, depth=2), samples=4), comm)
    return solver.error(solver.experiment.problem.held_out(count))


def applied(comm: Comm, model: str, of: str | list[int], out: str, vtk: str) -> str:
    """What is said when a saved generator is applied to `of`."""
    try:
        return f"{pk.load(model, comm).apply(of, out, vtk)} samples"
    except (ValueError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"


def saved(comm: Comm, experiment: str, path: str) -> list[str]:
    """What is said when a generator that these ranks have trained is saved, at `path` and where it cannot be."""
    solver = pk.Solver(pk.Experiment.parse(experiment), comm)
    solver.run()
    solver.save(path)
    assert pk.load(path, comm).error([3, 4]) == solver.error([3, 4])
    try:
        solver.save(path + "/below")
    except ValueError as error:
        return [str(error)]
    return ["no error"]


def shares(comm: Comm, count: int) -> list[int]:
    assert share(np.arange(count), comm).tolist() == list(block(count, comm.size, comm.rank))
    return share(np.arange(count), comm).tolist()


def fail_on_one_rank(comm: Comm) -> None:
    """Rank 1 fails where the others wait for it."""
    assert comm.rank != 1, "this is rank 1"
    comm.allreduce(np.zeros(1))


def not_finite(comm: Comm) -> str:
    """A rate that destroys the parameters ends the run on every rank at the same step."""
    generator = pk.UNet(width=4, depth=2, norm="none")
    solver = pk.Solver(
        pk.Experiment(pk.Poisson(16), generator, optimizer="sgd", rate=1e30, samples=8, batch=8, steps=9),
        comm,
    )
    try:
        solver.run()
    except FloatingPointError as error:
        return str(error)
    return "no error"


def default_experiment(comm: Comm) -> dict[str, float]:
    """Held-out errors of the default experiment at the end of each of its grids."""
    solver = pk.Solver(pk.Experiment(), comm)
    errors = {}
    for step in solver:
        if step.number in {last for _, last in solver.experiment.plan}:
            held_out = solver.experiment.problem.held_out(16)
            errors[str(step.resolution)] = solver.error(held_out, step.resolution)
    return errors


def drift(comm: Comm, astray: list[int], steps: int) -> str:
    """What the error says if the ranks `astray` change one bit of one parameter after the third step."""
    generator = pk.UNet(width=4, depth=2)
    solver = pk.Solver(pk.Experiment(pk.Poisson(16), generator, samples=8, batch=4, steps=steps), comm)
    solver.advance(3)
    if comm.rank in astray:
        x = solver.reduction.parameters
        x[17] = torch.nextafter(x[17], torch.tensor(10.0))
    try:
        solver.run()
    except RuntimeError as error:
        return f"{len(solver.history)}: {error}"
    return "no error"


def spoilt(comm: Comm, sample: int, value: float, sharded: bool = False) -> str:
    """What the error says if the data of a sample are spoilt; all ranks have taken the same steps."""
    experiment = pk.Experiment(
        pk.Poisson(16), pk.UNet(width=4, depth=2), samples=6, batch=6, steps=9, sharded=sharded
    )
    solver = pk.Solver(experiment, comm)
    solver.advance(2)
    before = solver.reduction.parameters.clone()
    solver.drawn[sample] = value
    try:
        solver.run()
    except FloatingPointError as error:
        assert torch.equal(before, solver.reduction.parameters), "the parameters have moved"
        return f"{len(solver.history)}: {error}"
    return "no error"


def histories_of_ranks(comm: Comm, late: int, steps: int, folder: str) -> dict[str, object]:
    """What each rank finds in its history if rank `late` sleeps before each of `steps` steps; saved in `folder`.

    Without batch norm the ranks meet once a step, in the message with the gradient.
    """
    generator = pk.UNet(width=4, depth=2, norm="none")
    experiment = pk.Experiment(pk.Poisson(16), generator, samples=4, batch=4, steps=steps + 5)
    solver = pk.Solver(experiment, comm)
    calls, allgather = [], comm.allgather
    comm.allgather = lambda array: calls.append(array.nbytes) or allgather(array)
    for _ in range(steps):
        time.sleep(0.05 * (comm.rank == late))
        next(solver)
    own = solver.history.ranks.table[:, comm.rank].tolist()
    alone = np.isnan(solver.history.ranks.table).sum(axis=(0, 2)).tolist()
    solver.gather_ranks()
    assert calls == [steps * 3 * 8], "one message, of all steps at once"
    ranks = solver.history.ranks
    solver.history.save(f"{folder}/{comm.rank}.csv")
    solver.advance(4), solver.advance(0), solver.run(), solver.run()
    assert len(calls) == 3, "one message for each call that took steps"
    assert solver.history.ranks.waiting.shape == (steps + 5, comm.size)
    found = {"own": own, "alone": alone, "table": ranks.table.tolist(), "waiting": ranks.waiting.tolist()}
    return found | {"diverged": gathered_where_it_diverged(comm)}


def gathered_where_it_diverged(comm: Comm) -> list[int]:
    """Steps, and steps gathered, of a run that ends in an error of all ranks."""
    generator = pk.UNet(width=4, depth=2, norm="none")
    settings = {"optimizer": "sgd", "rate": 1e30, "samples": 8, "batch": 8, "steps": 9}
    solver = pk.Solver(pk.Experiment(pk.Poisson(16), generator, **settings), comm)
    try:
        solver.run()
    except FloatingPointError:
        return [len(solver.history), int(np.isfinite(solver.history.ranks.waiting).all(axis=1).sum())]
    return []


def adjoints(comm: Comm) -> dict[str, float]:
    """|<A x, y> - <x, A^T y>| / |<A x, y>| over all ranks, for each primitive A and its adjoint A^T."""
    rng = np.random.default_rng(comm.rank)
    n, partner = 11, comm.rank ^ 1 if comm.size % 2 == 0 else comm.rank
    mine = block(n, comm.size, comm.rank)

    def summed(a: np.ndarray, b: np.ndarray) -> float:
        total = np.array([np.vdot(a, b)])
        comm.allreduce(total)
        return float(total[0])

    def allreduce(x: np.ndarray) -> np.ndarray:
        out = x.copy()
        comm.allreduce(out)
        return out

    def later(x: np.ndarray) -> np.ndarray:
        out = x.copy()
        comm.start_allreduce(out).wait()
        return out

    def gather_parts(x: np.ndarray) -> np.ndarray:
        whole = np.full(n, np.nan)
        whole[mine.start : mine.stop] = x
        comm.gather_parts(whole)
        return whole

    def of_all(y: np.ndarray) -> np.ndarray:
        return allreduce(y)[comm.rank]

    pairs = {  # A, A^T, and the shapes of x and y
        "allreduce": (allreduce, allreduce, n, n),
        "start_allreduce": (later, later, n, n),
        "allgather": (comm.allgather, of_all, n, (comm.size, n)),
        "gather_parts": (gather_parts, comm.reduce_scatter, len(mine), n),
        "reduce_scatter": (comm.reduce_scatter, gather_parts, n, len(mine)),
        "exchange": (lambda x: comm.exchange(x, partner), lambda y: comm.exchange(y, partner), n, n),
    }
    found = {}
    for name, (forward, adjoint, of_x, of_y) in pairs.items():
        x, y = rng.normal(size=of_x), rng.normal(size=of_y)
        left, right = summed(forward(x.copy()), y), summed(x, adjoint(y.copy()))
        found[name] = abs(left - right) / abs(left)
    return found


def slow(comm: Comm, run: dict) -> dict:
    """The same sums, losses and adjoints on a slow network, and whether its time was counted."""
    network = Slow(comm, 1e-5, 1e9)
    found = adjoints(network), train(network, **run)
    assert network.seconds > comm.seconds and network.sent == comm.sent
    assert network.messages == comm.messages
    return {"adjoints": found[0], **found[1]}


def messages(comm: Comm, sharded: bool, steps: int) -> dict[str, list]:
    """Of each L-BFGS step the evaluations and the sums over the ranks; bytes of the optimizer's vectors at the end."""
    generator = pk.UNet(width=4, depth=2, norm="none")
    settings = {"optimizer": "lbfgs", "samples": 4, "steps": steps, "sharded": sharded, "dtype": "float64"}
    calls, allreduce = [], comm.allreduce
    comm.allreduce = lambda array: calls.append(array.nbytes) or allreduce(array)
    solver = pk.Solver(pk.Experiment(pk.Poisson(16), generator, **settings), comm)
    rows = []
    for _ in range(steps):
        before = len(calls)
        rows.append([next(solver).evaluations, len(calls) - before])
    vectors, _ = solver.optimizer.state()
    held = sum(vector.nbytes for vector in vectors.values())
    return {"rows": rows, "held": held, "small": sorted(set(calls)), "losses": solver.history.loss.tolist()}


def lagging(comm: Comm, rank: int, factor: float, steps: int) -> dict[str, list]:
    """Steps as they are, and then as many in which `rank` computes `factor` times as long: losses, compute, waiting."""
    experiment = pk.Experiment(pk.Poisson(32), pk.UNet(width=4, depth=2), samples=4, batch=4, steps=2 * steps)
    solver = pk.Solver(experiment, comm)
    solver.advance(steps)
    solver.slow(factor, rank)
    ranks = solver.run().ranks
    return {
        "losses": solver.history.loss.tolist(),
        "compute": ranks.compute.tolist(),
        "waiting": ranks.waiting.tolist(),
    }


def left(comm: Comm, **settings: object) -> dict:
    """Steps that calls take which one rank wishes to leave, at once, never, or in the third step; and all losses."""
    generator = pk.UNet(width=4, depth=2)
    one = pk.Experiment(pk.Poisson(16), generator, schedule="constant", **settings)
    solver, last = pk.Solver(one, comm), comm.rank == comm.size - 1
    wishes = (lambda: last, lambda: False, lambda: last and len(solver.history) == 6)
    taken = [len(solver.advance(4, leave=wish)) for wish in wishes]
    return {"taken": taken, "losses": solver.run().loss.tolist()}
