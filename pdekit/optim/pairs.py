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

CAUTIOUS = 1e-6  # and the powers of the gradient's norm below are those of Li and Fukushima


class Pairs:
    """At most `memory` pairs s = x' - x, y = g' - g, oldest first, and the gradient g at x, all vectors like x (P,).

    `gram` (2k + 1, 2k + 1), float64, has the products of s_1 .. s_k, y_1 .. y_k, g.
    """

    def __init__(self, memory: int, dot: Products) -> None:
        self.memory, self.dot = memory, dot
        self.gradient: Tensor | None = None
        self._rows: Tensor | None = None  # (2 memory, P): s and y of each place, in turn
        self._places: list[int] = []
        self.gram = np.zeros((1, 1))

    def __len__(self) -> int:
        return len(self._places)

    @property
    def norm(self) -> float:
        """Euclidean, of the gradient."""
        return math.sqrt(self.gram[-1, -1])

    def look(self, gradient: Tensor) -> None:
        """Have another gradient, for instance of another function: one message."""
        row = self._of([gradient], [gradient])[0]
        self.gram[-1], self.gram[:, -1] = row, row
        self.gradient = gradient.clone()

    def forget(self) -> None:
        """Leave out all pairs."""
        self._places, self.gram = [], self.gram[-1:, -1:].copy()

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
        if k:
            factors = np.empty(2 * k)
            factors[self._order] = c[:-1]
            made.addmv_(self._rows[: 2 * k].T, torch.from_numpy(factors).to(made.dtype))
        return made, float(self.gram[-1] @ c)

    def products(self, s: Tensor, y: Tensor, gradient: Tensor, along: Tensor) -> np.ndarray:
        """(3, 2k + 4): of s, y and the new gradient with all vectors here, themselves and `along`. One message."""
        return self._of([s, y, gradient], [s, y, gradient, along])

    @property
    def _order(self) -> list[int]:
        """The rows of s_1 .. s_k, y_1 .. y_k."""
        return [2 * place for place in self._places] + [2 * place + 1 for place in self._places]

    def _of(self, left: list[Tensor], right: list[Tensor]) -> np.ndarray:
        """Products with s_1 .. s_k, y_1 .. y_k and with `right`."""
        order = self._order
        found = self.dot.of(left, right, None if self._rows is None else self._rows[: len(order)])
        return found[:, [*order, *range(len(order), found.shape[1])]]

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
        least = CAUTIOUS * self.norm ** (0.01 if self.norm >= 1 else 3)
        useful = sy >= least * ss and sy > torch.finfo(s.dtype).eps * math.sqrt(ss * yy)
        if useful:
            full = int(k == self.memory)
            order = [*range(full, k), 2 * k, *range(k + full, 2 * k), 2 * k + 1, 2 * k + 2]
            self._put(self._places[0] if full else k, s, y)
            self._places = [*self._places[full:], self._places[0] if full else k]
        else:
            order = [*range(2 * k), 2 * k + 2]
        gram = np.triu(gram) + np.triu(gram, 1).T  # where two roundings of one product meet
        self.gram = gram[np.ix_(order, order)]
        self.gradient = gradient.clone()

    def _put(self, place: int, s: Tensor, y: Tensor) -> None:
        if self._rows is None:
            self._rows = s.new_empty(2 * self.memory, len(s))
        self._rows[2 * place], self._rows[2 * place + 1] = s, y

    def state(self) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Vectors and the upper triangle of their products, by name."""
        vectors = {} if self.gradient is None else {"gradient": self.gradient}
        for k, place in enumerate(self._places):
            vectors |= {f"s{k}": self._rows[2 * place], f"y{k}": self._rows[2 * place + 1]}
        upper = zip(*np.triu_indices(len(self.gram)), strict=True)
        numbers = {f"gram {i} {j}": float(self.gram[i, j]) for i, j in upper}
        return vectors, numbers | {f"place {k}": float(place) for k, place in enumerate(self._places)}

    def load(self, vectors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Go on from what `state` gave."""
        self.gradient = vectors.get("gradient")
        count = sum(name.startswith("s") for name in vectors)
        self._places = [
            int(numbers[f"place {k}"]) for k in range(count)
        ]  # sums over the rows keep their order
        for k, place in enumerate(self._places):
            self._put(place, vectors[f"s{k}"], vectors[f"y{k}"])
        self.gram = np.zeros((2 * count + 1, 2 * count + 1))
        for i, j in zip(*np.triu_indices(len(self.gram)), strict=True):
            self.gram[i, j] = self.gram[j, i] = numbers[f"gram {i} {j}"]
