"""A naive finite-element assembly by loops over elements, nodes and Gauss points: slow, short, and independent."""

from itertools import product

import numpy as np


def hats(xi: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and slopes (order + 1,) of the Lagrange polynomials on evenly spaced nodes of [0, 1], at one point."""
    nodes = np.linspace(0, 1, order + 1)
    values, slopes = [], []
    for i in range(order + 1):
        others = np.delete(nodes, i)
        polynomial = np.poly1d(others, r=True) / np.prod(nodes[i] - others)
        values.append(polynomial(xi))
        slopes.append(polynomial.deriv()(xi))
    return np.array(values), np.array(slopes)


def assemble(nu: np.ndarray, order: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Dense `int nu grad u . grad v` and `int u v` for nodal nu of any dimension, in the order of `nu.ravel()`."""
    dim, n = nu.ndim, nu.size
    number = np.arange(n).reshape(nu.shape)
    points, weights = np.polynomial.legendre.leggauss(3 * order)
    points, weights = (points + 1) / 2, weights / 2
    table = [hats(x, order) for x in points]
    h = [order / (m - 1) for m in nu.shape]
    stiffness, mass = np.zeros((n, n)), np.zeros((n, n))
    for cell in product(*[range(0, m - 1, order) for m in nu.shape]):
        block = number[tuple(slice(c, c + order + 1) for c in cell)].ravel()
        for gauss in product(range(len(points)), repeat=dim):
            value, gradient = np.ones(1), [np.ones(1) for _ in range(dim)]
            for axis, g in enumerate(gauss):
                value = np.kron(value, table[g][0])
                for d in range(dim):
                    gradient[d] = np.kron(gradient[d], table[g][1] / h[axis] if d == axis else table[g][0])
            weight = np.prod([weights[g] * h[axis] for axis, g in enumerate(gauss)])
            k = nu.ravel()[block] @ value
            mass[np.ix_(block, block)] += weight * np.outer(value, value)
            stiffness[np.ix_(block, block)] += weight * k * sum(np.outer(g, g) for g in gradient)
    return stiffness, mass


def solve(matrix: np.ndarray, load: np.ndarray, held: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The dense solution with `values` at the nodes of the bool mask `held`, in `held`'s shape."""
    u, free = np.where(held, values, 0.0).ravel(), ~held.ravel()
    rest = load - matrix @ u
    u[free] = np.linalg.solve(matrix[np.ix_(free, free)], rest[free])
    return u.reshape(held.shape)
