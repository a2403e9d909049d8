"""Problems of Moré, Garbow and Hillstrom (1981), Testing unconstrained optimization software, ACM TOMS 7, 17-41.

Sums of squares of residuals f(x): numbers, starting points, data and minima (some local) as in section 3 of the paper.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Residuals = Callable[[Tensor], Tensor]


class Problem(NamedTuple):
    """`minima` are those of the sum of squares that the paper lists."""

    number: int
    name: str
    residuals: Residuals
    start: tuple[float, ...]
    minima: tuple[float, ...] = (0.0,)

    def x(self) -> Tensor:
        return torch.tensor(self.start, dtype=torch.float64)

    def evaluate(self, x: Tensor) -> tuple[float, Tensor]:
        at = x.detach().clone().requires_grad_()
        loss = self.residuals(at).square().sum()
        loss.backward()
        return loss.item(), at.grad


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def up_to(m: int) -> Tensor:
    return torch.arange(1, m + 1, dtype=torch.float64)


def rosenbrock(x: Tensor) -> Tensor:
    return torch.cat([10 * (x[1::2] - x[::2] ** 2), 1 - x[::2]])


def freudenstein_roth(x: Tensor) -> Tensor:
    a, b = x
    return torch.stack([-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((b + 1) * b - 14) * b])


def powell_badly_scaled(x: Tensor) -> Tensor:
    return torch.stack([1e4 * x[0] * x[1] - 1, torch.exp(-x[0]) + torch.exp(-x[1]) - 1.0001])


def brown_badly_scaled(x: Tensor) -> Tensor:
    return torch.stack([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2])


def beale(x: Tensor) -> Tensor:
    return numbers(1.5, 2.25, 2.625) - x[0] * (1 - x[1] ** up_to(3))


def helical_valley(x: Tensor) -> Tensor:
    theta = torch.atan(x[1] / x[0]) / (2 * math.pi) + (0.5 if x[0] < 0 else 0.0)
    return torch.stack([10 * (x[2] - 10 * theta), 10 * (x[:2].norm() - 1), x[2]])


BARD = numbers(0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39)


def bard(x: Tensor) -> Tensor:
    u = up_to(15)
    v = 16 - u
    return BARD - (x[0] + u / (v * x[1] + torch.minimum(u, v) * x[2]))


HALF = (0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521)
GAUSS = numbers(*HALF, 0.3989, *reversed(HALF))


def gaussian(x: Tensor) -> Tensor:
    t = (8 - up_to(15)) / 2
    return x[0] * torch.exp(-x[1] * (t - x[2]) ** 2 / 2) - GAUSS


def box(x: Tensor) -> Tensor:
    t = 0.1 * up_to(10)
    return torch.exp(-t * x[0]) - torch.exp(-t * x[1]) - x[2] * (torch.exp(-t) - torch.exp(-10 * t))


def powell_singular(x: Tensor) -> Tensor:
    a, b, c, d = x.view(-1, 4).T
    return torch.cat([a + 10 * b, math.sqrt(5) * (c - d), (b - 2 * c) ** 2, math.sqrt(10) * (a - d) ** 2])


def wood(x: Tensor) -> Tensor:
    a, b, c, d = x
    tail = [math.sqrt(10) * (b + d - 2), (b - d) / math.sqrt(10)]
    return torch.stack([10 * (b - a**2), 1 - a, math.sqrt(90) * (d - c**2), 1 - c, *tail])


KOWALIK_Y = numbers(0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246)
KOWALIK_U = numbers(4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625)


def kowalik_osborne(x: Tensor) -> Tensor:
    u = KOWALIK_U
    return KOWALIK_Y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def brown_dennis(x: Tensor) -> Tensor:
    t = up_to(20) / 5
    return (x[0] + t * x[1] - torch.exp(t)) ** 2 + (x[2] + x[3] * torch.sin(t) - torch.cos(t)) ** 2


def biggs(x: Tensor) -> Tensor:
    t = 0.1 * up_to(13)
    y = torch.exp(-t) - 5 * torch.exp(-10 * t) + 3 * torch.exp(-4 * t)
    return x[2] * torch.exp(-t * x[0]) - x[3] * torch.exp(-t * x[1]) + x[5] * torch.exp(-t * x[4]) - y


def watson(x: Tensor) -> Tensor:
    t, j = (up_to(29) / 29)[:, None], up_to(len(x)) - 1
    powers = t**j
    slope = (j[1:] * x[1:] * powers[:, :-1]).sum(1)
    return torch.cat([slope - (x * powers).sum(1) ** 2 - 1, x[:1], (x[1] - x[0] ** 2 - 1)[None]])


def penalty(x: Tensor) -> Tensor:
    return torch.cat([math.sqrt(1e-5) * (x - 1), (x @ x - 0.25)[None]])


def variably_dimensioned(x: Tensor) -> Tensor:
    total = (up_to(len(x)) * (x - 1)).sum()
    return torch.cat([x - 1, total[None], total[None] ** 2])


def trigonometric(x: Tensor) -> Tensor:
    return len(x) - torch.cos(x).sum() + up_to(len(x)) * (1 - torch.cos(x)) - torch.sin(x)


def broyden_tridiagonal(x: Tensor) -> Tensor:
    zero = x.new_zeros(1)
    return (3 - 2 * x) * x - torch.cat([zero, x[:-1]]) - 2 * torch.cat([x[1:], zero]) + 1


def chebyquad(x: Tensor) -> Tensor:
    order = up_to(len(x))
    means = torch.stack([chebyshev(int(k), 2 * x - 1).mean() for k in order])
    integrals = torch.where(order % 2 == 0, -1 / (order**2 - 1).clamp(min=1), 0.0)
    return means - integrals


def chebyshev(k: int, x: Tensor) -> Tensor:
    before, here = torch.ones_like(x), x
    for _ in range(k - 1):
        before, here = here, 2 * x * here - before
    return here


TENTH = tuple(1 - j / 10 for j in range(1, 11))
PROBLEMS = (
    Problem(1, "Rosenbrock", rosenbrock, (-1.2, 1.0)),
    Problem(2, "Freudenstein and Roth", freudenstein_roth, (0.5, -2.0), (0.0, 48.98425)),
    Problem(3, "Powell badly scaled", powell_badly_scaled, (0.0, 1.0)),
    Problem(4, "Brown badly scaled", brown_badly_scaled, (1.0, 1.0)),
    Problem(5, "Beale", beale, (1.0, 1.0)),
    Problem(7, "Helical valley", helical_valley, (-1.0, 0.0, 0.0)),
    Problem(8, "Bard", bard, (1.0, 1.0, 1.0), (8.214877e-3,)),
    Problem(9, "Gaussian", gaussian, (0.4, 1.0, 0.0), (1.127933e-8,)),
    Problem(12, "Box three-dimensional", box, (0.0, 10.0, 20.0)),
    Problem(13, "Powell singular", powell_singular, (3.0, -1.0, 0.0, 1.0)),
    Problem(14, "Wood", wood, (-3.0, -1.0, -3.0, -1.0)),
    Problem(15, "Kowalik and Osborne", kowalik_osborne, (0.25, 0.39, 0.415, 0.39), (3.075056e-4,)),
    Problem(16, "Brown and Dennis", brown_dennis, (25.0, 5.0, -5.0, -1.0), (85822.20,)),
    Problem(18, "Biggs EXP6", biggs, (1.0, 2.0, 1.0, 1.0, 1.0, 1.0), (0.0, 5.655650e-3)),
    Problem(20, "Watson", watson, (0.0,) * 6, (2.287670e-3,)),
    Problem(21, "extended Rosenbrock", rosenbrock, (-1.2, 1.0) * 10),
    Problem(22, "extended Powell singular", powell_singular, (3.0, -1.0, 0.0, 1.0) * 5),
    Problem(23, "penalty I", penalty, tuple(float(j) for j in range(1, 11)), (7.087651e-5,)),
    Problem(25, "variably dimensioned", variably_dimensioned, TENTH),
    Problem(26, "trigonometric", trigonometric, (0.1,) * 10, (0.0, 2.795056e-5)),
    Problem(30, "Broyden tridiagonal", broyden_tridiagonal, (-1.0,) * 10),
    Problem(35, "Chebyquad", chebyquad, tuple(j / 9 for j in range(1, 9)), (3.516874e-3,)),
)
