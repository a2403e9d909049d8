"""Our L-BFGS against torch's, both with strong-Wolfe line searches and 20 pairs, in float64 on one rank.

    python -m tests.benchmarks.lbfgs [--evaluations 400]

"same path": steps, from the first on, in which both evaluate the same losses to 1e-6. Then evaluations until the loss
is above its minimum by a fraction of what it was at first; the minimum is the lowest that either finds.
"""

import argparse
from collections.abc import Callable
from itertools import chain

import numpy as np
import torch
from scipy.optimize import rosen, rosen_der
from torch import Tensor

import pdekit as pk
from pdekit.optim.lbfgs import LBFGS
from pdekit.train.evaluation import Evaluation

Evaluate = Callable[[Tensor], tuple[float, Tensor]]
FRACTIONS = (1e-1, 1e-2, 1e-4, 1e-6, 1e-8)
MEMORY = 20


def rosenbrock() -> tuple[Tensor, Evaluate]:
    start = torch.linspace(-1.2, 1.0, 10, dtype=torch.float64)
    return start, lambda x: (float(rosen(x.numpy())), torch.tensor(rosen_der(x.numpy())))


def quadratic() -> tuple[Tensor, Evaluate]:
    """Of condition 1e6."""
    scale = torch.logspace(0, 6, 100, dtype=torch.float64)
    return torch.linspace(-1.2, 1.0, 100, dtype=torch.float64), lambda x: (
        float(0.5 * (scale * x) @ x),
        scale * x,
    )


def logistic() -> tuple[Tensor, Evaluate]:
    """Regression of 500 labels on 30 features of very different scale, with a little weight decay."""
    random = np.random.default_rng(0)
    features = torch.from_numpy(random.normal(size=(500, 30)) * np.logspace(-1, 1, 30))
    labels = torch.from_numpy(
        np.sign(random.normal(size=500) + features.numpy() @ random.normal(size=30) / 10)
    )

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        at = x.detach().clone().requires_grad_()
        loss = torch.nn.functional.softplus(-labels * (features @ at)).mean() + 1e-4 * at @ at
        loss.backward()
        return loss.item(), at.grad

    return torch.zeros(30, dtype=torch.float64), evaluate


def poisson() -> tuple[Tensor, Evaluate]:
    """A U-Net of 3,000 parameters on 8 samples of 16 x 16."""
    experiment = pk.Experiment(
        pk.Poisson(16), pk.UNet(width=4, depth=2), optimizer="lbfgs", samples=8, dtype="float64"
    )
    solver = pk.Solver(experiment)
    parts = solver.samples(solver.reduction.shares(np.arange(8)))
    return solver.reduction.x.clone(), Evaluation(solver, parts, 8)


def ours(start: Tensor, evaluate: Evaluate, most: int) -> list[tuple[float, ...]]:
    """Losses that each step of pdekit's evaluates."""
    x, steps = start.clone(), []
    optimizer = LBFGS(x, memory=MEMORY)
    while sum(map(len, steps)) < most:
        outcome = optimizer.step(evaluate, 1.0, fresh=False)
        steps.append(outcome.trials)
        if outcome.end is not None:
            break
    return steps


def torchs(start: Tensor, evaluate: Evaluate, most: int) -> list[float]:
    """Losses that `torch.optim.LBFGS` evaluates: in one call, since one that is asked again and again gets stuck."""
    x, losses = start.clone().requires_grad_(), []
    limits = {"max_iter": most, "max_eval": most, "tolerance_grad": 0.0, "tolerance_change": 0.0}
    optimizer = torch.optim.LBFGS([x], lr=1, history_size=MEMORY, line_search_fn="strong_wolfe", **limits)

    def closure() -> float:
        loss, gradient = evaluate(x.detach())
        x.grad = gradient.clone()
        losses.append(loss)
        return loss

    optimizer.step(closure)
    return losses


def same(steps: list[tuple[float, ...]], theirs: list[float]) -> int:
    """Steps in which both evaluate the same losses."""
    for k, trials in enumerate(steps):
        place = sum(map(len, steps[:k]))
        other = theirs[place : place + len(trials)]
        if len(other) < len(trials) or not np.allclose(trials, other, rtol=1e-6, atol=0):
            return k
    return len(steps)


def reached(losses: list[float], loss: float) -> float:
    """Evaluations until one is at most `loss`."""
    return next((count for count, value in enumerate(losses, 1) if value <= loss), float("inf"))


def compare(make: Callable[[], tuple[Tensor, Evaluate]], most: int) -> dict[str, object]:
    """The rows of one problem: steps of the same path, evaluations of both to each fraction."""
    start, evaluate = make()
    steps, b = ours(start, evaluate, most), torchs(start, evaluate, most)
    a = list(chain(*steps))
    least = min(*a, *b)
    losses = [least + fraction * (a[0] - least) for fraction in FRACTIONS]
    return {
        "same": same(steps, b),
        "ours": [reached(a, x) for x in losses],
        "torch": [reached(b, x) for x in losses],
    }


PROBLEMS = (rosenbrock, quadratic, logistic, poisson)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evaluations", type=int, default=400)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("evaluations to a loss above its minimum by a fraction of the first; ours / torch")
    print("problem      same path" + "".join(f"{fraction:>14.0e}" for fraction in FRACTIONS))
    for make in PROBLEMS:
        row = compare(make, arguments.evaluations)
        cells = [f"{a:.0f} / {b:.0f}" for a, b in zip(row["ours"], row["torch"], strict=True)]
        print(f"{make.__name__:12} {row['same']:9}" + "".join(f"{cell:>14}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
