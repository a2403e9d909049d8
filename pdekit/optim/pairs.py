"""Curvature pairs and the quasi-Newton direction that they give, from inner products alone.

The two-loop recursion (Nocedal and Wright, Numerical Optimization, algorithm 7.4) runs on the coefficients of a
combination of all s, all y and the gradient. It needs the products of these vectors with each other and nothing else:
vector-free L-BFGS (Chen, Wang and Zhou 2014, Large-scale L-BFGS using MapReduce, NIPS). Those of an iteration that are
new come in one message where vectors are shared out over the ranks, and the recursion needs none.
"""

import math

import numpy as np
import torch
from torch import Tensor

from pdekit.products import Products

CAUTIOUS = 1e-6


class Pairs:
    """At most `memory` pairs s = x' - x, y = g' - g, oldest first, and the gradient g at x, all vectors like x (P,).

    `gram` (2k + 1, 2k + 1), float64, has the products of s_1 .. s_k, y_1 .. y_k, g.
    """

    def __init__(self, memory: int, dot: Products) -> None:
        self.memory, self.dot = memory, dot
        self.s: list[Tensor] = []
        self.y: list[Tensor] = []
        self.gradient: Tensor | None = None
        self.gram = np.zeros((1, 1))

    def __len__(self) -> int:
        return len(self.s)

    @property
    def norm(self) -> float:
        """Euclidean, of the gradient."""
        return math.sqrt(self.gram[-1, -1])

    def look(self, gradient: Tensor) -> None:
        """Have another gradient, for instance of another function: one message."""
        row = self.dot.of([gradient], [*self.s, *self.y, gradient])[0]
        self.gram[-1], self.gram[:, -1] = row, row
        self.gradient = gradient.clone()

    def forget(self) -> None:
        """Leave out all pairs."""
        self.s, self.y, self.gram = [], [], self.gram[-1:, -1:].copy()

    def direction(self) -> tuple[Tensor, float]:
        """Minus the inverse Hessian's approximation times g, and the slope along it. No message."""
        c, k = np.zeros(len(self.gram)), len(self)
        c[-1] = -1.0
        curvature = [self.gram[i, k + i] for i in range(k)]
        alpha = np.zeros(k)
        for i in reversed(range(k)):
            alpha[i] = self.gram[i] @ c / curvature[i]
            c[k + i] -= alpha[i]
        if k:
            c *= curvature[-1] / self.gram[2 * k - 1, 2 * k - 1]
        for i in range(k):
            c[i] += alpha[i] - self.gram[k + i] @ c / curvature[i]
        made = self.gradient * c[-1]
        for vector, factor in zip([*self.s, *self.y], c[:-1].tolist(), strict=True):
            made.add_(vector, alpha=factor)
        return made, float(self.gram[-1] @ c)

    def products(self, s: Tensor, y: Tensor, gradient: Tensor, along: Tensor) -> np.ndarray:
        """(3, 2k + 4): of s, y and the new gradient with all vectors here, themselves and `along`. One message."""
        return self.dot.of([s, y, gradient], [*self.s, *self.y, s, y, gradient, along])

    def advance(self, s: Tensor, y: Tensor, gradient: Tensor, products: np.ndarray) -> None:
        """Take a move in: what `products` was given, and gave. No message.

        The pair is left out if it would spoil a positive definite approximation, by the cautious update of Li and
        Fukushima (2001, SIAM J. Optim. 11, equation 2.10), or if its curvature is rounding.
        """
        k = len(self)
        gram = np.zeros((2 * k + 3, 2 * k + 3))
        gram[: 2 * k, : 2 * k] = self.gram[:-1, :-1]
        gram[2 * k :] = products[:, :-1]
        gram[: 2 * k, 2 * k :] = products[:, : 2 * k].T
        ss, sy, yy = gram[2 * k, 2 * k], gram[2 * k, 2 * k + 1], gram[2 * k + 1, 2 * k + 1]
        useful = sy >= CAUTIOUS * self.norm * ss and sy > torch.finfo(s.dtype).eps * math.sqrt(ss * yy)
        if useful:
            full = int(k == self.memory)
            self.s, self.y = [*self.s[full:], s], [*self.y[full:], y]
            order = [*range(full, k), 2 * k, *range(k + full, 2 * k), 2 * k + 1, 2 * k + 2]
        else:
            order = [*range(2 * k), 2 * k + 2]
        self.gram = gram[np.ix_(order, order)]
        self.gradient = gradient.clone()

    def state(self) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Vectors and the upper triangle of their products, by name."""
        vectors = {} if self.gradient is None else {"gradient": self.gradient}
        vectors |= {f"s{k}": s for k, s in enumerate(self.s)} | {f"y{k}": y for k, y in enumerate(self.y)}
        upper = zip(*np.triu_indices(len(self.gram)), strict=True)
        return vectors, {f"gram {i} {j}": float(self.gram[i, j]) for i, j in upper}

    def load(self, vectors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Go on from what `state` gave."""
        self.gradient = vectors.get("gradient")
        count = sum(name.startswith("s") for name in vectors)
        self.s, self.y = ([vectors[f"{name}{k}"] for k in range(count)] for name in "sy")
        self.gram = np.zeros((2 * count + 1, 2 * count + 1))
        for i, j in zip(*np.triu_indices(len(self.gram)), strict=True):
            self.gram[i, j] = self.gram[j, i] = numbers[f"gram {i} {j}"]
