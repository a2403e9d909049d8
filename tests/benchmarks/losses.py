"""What the loss costs: forward and backward of Poisson's energy, and its share of a training step.

    python -m tests.benchmarks.losses [--batch 4] [RESOLUTION ...]

One thread, float32. "stencil" is the loss of a linear problem, "assembly" what makes the stencil of a batch,
"points" and "its assembly" the same by the generic way, for any density; "head" the Galerkin head on top. Shares
are of the time of a training step of the default U-Net, at the same batch, in the same round: medians. Memory is what
the loss of one sample holds beside u.
"""

import argparse
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch

import pdekit as pk
from pdekit.pde.ritz import Ritz
from pdekit.train.memory import keep_memory


def milliseconds(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Times (rounds,) of each of `calls`, in turns, after one that does not count."""
    times = []
    for _ in range(rounds + 1):
        times.append([])
        for call in calls.values():
            start = time.perf_counter()
            call()
            times[-1].append(1e3 * (time.perf_counter() - start))
    return dict(zip(calls, np.array(times[1:]).T, strict=True))


def measure(resolution: int, batch: int) -> dict[str, float]:
    """Times in ms, and bytes per sample."""
    keep_memory()  # as in training
    problem = pk.Poisson(resolution)
    samples = problem.samples(problem.parameters(range(batch)), torch.float32)
    generic = samples._replace(operator=problem.at_points(samples.data))
    u = torch.randn(batch, resolution, resolution, requires_grad=True)
    output = torch.randn(batch, 6, resolution, resolution, requires_grad=True)
    head = pk.Galerkin()

    def both_ways(of: Callable[[], torch.Tensor]) -> Callable[[], None]:
        def call() -> None:
            u.grad = output.grad = None
            of().sum().backward()

        return call

    setting = {"samples": 4 * batch, "batch": batch, "steps": 100, "grids": "single"}
    solver = pk.Solver(pk.Experiment(problem, **setting))
    calls = {
        "stencil": both_ways(lambda: problem.losses(u, samples)),
        "assembly": lambda: problem.operator(samples.data),
        "points": both_ways(lambda: problem.losses(u, generic)),
        "its assembly": lambda: Ritz.assemble(problem, samples.data),
        "with head": both_ways(lambda: problem.losses(head.field(problem, output, samples), samples)),
        "step": lambda: solver.advance(1),
    }
    times = milliseconds(calls, 21 if resolution < 128 else 5)
    times["head"] = times.pop("with head") - times["stencil"]
    rows = {name: float(np.median(of)) for name, of in times.items()}
    rows |= {f"share of {name}": float(np.median(of / times["step"])) for name, of in times.items()}
    rows["bytes"] = sum(e.nbytes for e in samples.operator.edges) / batch
    rows["bytes of points"] = generic.operator.data.nbytes / batch
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("resolutions", nargs="*", type=int, default=[32, 64, 128, 256, 512])
    parser.add_argument("--batch", type=int, default=4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"batch {arguments.batch}, float32, one thread; ms, and % of a training step")
    names = ("stencil", "assembly", "points", "its assembly", "head")
    print("grid      " + "".join(f"{name:>18}" for name in names) + "      step    MB/sample    of points")
    for resolution in arguments.resolutions:
        rows = measure(resolution, arguments.batch)
        cells = "".join(f"{rows[n]:10.2f} {100 * rows[f'share of {n}']:5.1f} %" for n in names)
        memory = f"{rows['bytes'] / 1e6:10.2f} {rows['bytes of points'] / 1e6:12.2f}"
        print(f"{resolution:4}^2   {cells} {rows['step']:9.0f} {memory}", flush=True)


if __name__ == "__main__":
    main()
