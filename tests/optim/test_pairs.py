"""Inner products and the direction of L-BFGS, against float64 and the two-loop recursion written out."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pdekit.optim.lbfgs import LBFGS
from pdekit.optim.pairs import Pairs
from pdekit.products import PIECE, Products


def vectors(count: int, length: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(length, generator=generator, dtype=torch.float64).to(dtype) for _ in range(count)]


@pytest.mark.parametrize("length", [0, 1, PIECE, 60 * PIECE + 5])
def test_products_are_those_of_float64(length: int) -> None:
    """All of one sign, where sums of float32 go wrong. Fails with `torch.dot` of whole float32 vectors."""
    left, right, rows = torch.stack(vectors(9, length, torch.float32)).abs().split(3)
    expected = (left.double() @ torch.cat([rows, right]).double().T).numpy()
    np.testing.assert_allclose(Products().of([*left], [*right], rows), expected, rtol=1e-6)
    exact = float(left[0].double() @ left[1].double())
    assert Products()(left[0], left[1]) == pytest.approx(exact, rel=1e-14)


def test_products_do_not_depend_on_where_the_vectors_lie() -> None:
    """Fails with `torch.dot`: two ranks may have the same vector at other addresses."""
    a, b = vectors(2, 3 * PIECE + 5, torch.float32)
    expected, pair = Products().of([a], [a, b]), Products()(a, b)
    for shift in (1, 2, 3, 7):
        room = torch.empty(2, len(a) + 16)
        x, y = room[0, shift : shift + len(a)], room[1, : len(b)]
        x.copy_(a), y.copy_(b)
        np.testing.assert_array_equal(Products().of([x], [x, y]), expected)
        assert Products()(x, y) == pair


def test_products_of_parts_are_added_up_in_one_message() -> None:
    sent: list[np.ndarray] = []

    def add_up(array: np.ndarray) -> None:
        sent.append(array.copy())
        array *= 2

    a, b, c = vectors(3, 10)
    dot = Products(add_up)
    np.testing.assert_array_equal(dot.of([a, b], [c, a], torch.stack([b])), 2 * sent[0])
    assert dot(a, b) == 2 * float(a @ b) or dot(a, b) == pytest.approx(2 * float(a @ b), rel=1e-14)
    assert sent[0].shape == (2, 3) and sent[0].dtype == np.float64


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_the_direction_is_that_of_the_two_loops(count: int) -> None:
    """Memory 3: 7 pairs drop the oldest four. Fails with a product in the place of another, or a wrong one dropped."""
    gradient, *moves = vectors(2 * count + 1, 20)
    pairs, known = Pairs(3, Products()), []
    pairs.look(gradient)
    for s, noise in zip(moves[::2], moves[1::2], strict=True):
        y = 2 * s + 0.1 * noise
        gradient = gradient + y
        pairs.advance(s, y, gradient, pairs.products(s, y, gradient, s))
        known = [*known, (s, y)][-3:]
    q, alphas = -gradient, []
    for s, y in reversed(known):
        alphas.append(s @ q / (s @ y))
        q = q - alphas[-1] * y
    if known:
        q = q * (s_y := known[-1][0] @ known[-1][1]) / (known[-1][1] @ known[-1][1])
        assert s_y > 0
    for s, y in known:
        q = q + (alphas.pop() - y @ q / (s @ y)) * s
    direction, slope = pairs.direction()
    torch.testing.assert_close(direction, q, rtol=1e-10, atol=1e-12)
    assert slope == pytest.approx(float(gradient @ q), rel=1e-10)
    assert pairs.norm == pytest.approx(float(gradient.norm()), rel=1e-14)


def test_a_pair_of_negative_curvature_is_left_out() -> None:
    gradient, s = vectors(2, 20)
    pairs = Pairs(3, Products())
    pairs.look(gradient)
    for y, kept in ((-s, 0), (1e-12 * s, 0), (s, 1)):
        pairs.advance(s, y, gradient + y, pairs.products(s, y, gradient + y, s))
        assert len(pairs) == kept and pairs.norm == pytest.approx(float((gradient + y).norm()))
        assert pairs.direction()[1] < 0


def test_it_goes_on_from_its_state_with_the_same_bits() -> None:
    """After the oldest pairs are gone. Fails if the order of the pairs in memory, or a number, is not kept."""

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        return float((x**4).sum() + (x[1:] * x[:-1]).sum()), 4 * x**3 + torch.cat(
            [x[1:], x[:1] * 0]
        ) + torch.cat([x[:1] * 0, x[:-1]])

    x = torch.linspace(-1, 2, 50, dtype=torch.float64)
    optimizer = LBFGS(x, memory=4, loss_tolerance=1e-12)
    for _ in range(10):
        optimizer.step(evaluate, 1.0, fresh=False)
    held, numbers = optimizer.state()
    y = x.clone()
    other = LBFGS(y, memory=4, loss_tolerance=1e-12)
    other.load({name: vector.clone() for name, vector in held.items()}, dict(numbers))
    for _ in range(10):
        assert optimizer.step(evaluate, 1.0, fresh=False) == other.step(evaluate, 1.0, fresh=False)
        assert torch.equal(x, y)
