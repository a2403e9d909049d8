"""Methods that see layers: their paths against torch, and against NumPy transcriptions of each paper's algorithm."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pdekit as pk
from pdekit.optim.layers import layers
from pdekit.optim.outcome import dot
from pdekit.optim.recipe import Recipe
from pdekit.parallel import FlatModule

RATE, STEPS = 0.02, 25


class Net(nn.Module):
    """A wide and a tall weight, one of a convolution, biases, and a last weight that is zero at first."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.last = nn.Conv2d(2, 5, 3), nn.Conv2d(5, 3, 1), nn.Linear(3, 1)
        nn.init.zeros_(self.last.weight)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.second(torch.tanh(self.first(x)))).mean(dim=(2, 3)))


class Path:
    """The parameters' values at each step of `recipe` on a small regression, and the gradients there."""

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(1)
        flat = FlatModule(Net())
        images, targets = torch.randn(6, 2, 5, 5).double(), torch.randn(6, 1).double()
        self.shapes = [tuple(one.shape) for one in flat.tensors]
        self.values: list[list[np.ndarray]] = []
        self.gradients: list[list[np.ndarray]] = []

        def evaluate(_: Tensor) -> tuple[float, Tensor]:
            flat.backward(((flat.module(images) - targets) ** 2).mean())
            self.gradients.append([one.clone().numpy() for one in layers(flat.split, flat.gradient)])
            return flat.loss, flat.gradient

        optimizer = recipe.make(flat.parameters, dot, flat.split)
        for _ in range(STEPS):
            self.values.append([one.clone().numpy() for one in layers(flat.split, flat.parameters)])
            optimizer.step(evaluate, RATE, fresh=False)
        self.values.append([one.clone().numpy() for one in layers(flat.split, flat.parameters)])

    def layers(self) -> Iterator[tuple[list[np.ndarray], list[np.ndarray]]]:
        """Values and gradients of each layer."""
        return zip(zip(*self.values, strict=True), zip(*self.gradients, strict=True), strict=True)

    def assert_is(self, rule: Callable[[int, np.ndarray, list[np.ndarray]], list[np.ndarray]]) -> None:
        """`rule(layer, start, gradients)` gives the values after each step."""
        for k, (values, gradients) in enumerate(self.layers()):
            expected = rule(k, values[0], gradients)
            np.testing.assert_allclose(values[1:], expected, rtol=0, atol=1e-10, err_msg=f"layer {k}")


def adamw(
    w: np.ndarray, gradients: list[np.ndarray], betas: tuple[float, float], eps: float, decay: float
) -> list[np.ndarray]:
    """torch's, on one parameter."""
    p = torch.tensor(w).requires_grad_()
    inner, path = torch.optim.AdamW([p], lr=RATE, betas=betas, eps=eps, weight_decay=decay), []
    for g in gradients:
        p.grad = torch.tensor(g)
        inner.step()
        path.append(p.detach().clone().numpy())
    return path


def test_layers_are_seen_as_they_are() -> None:
    """A weight of a convolution lies with its channels last in memory. Fails with a view of the flat order."""
    flat = FlatModule(Net())
    seen = layers(flat.split, flat.parameters)
    for one, parameter in zip(seen, flat.tensors, strict=True):
        assert torch.equal(one.reshape(-1), parameter.detach().reshape(-1))
        assert one.data_ptr() == parameter.data_ptr()
    assert [tuple(one.shape) for one in seen] == [(5, 2, 9), (5,), (3, 5, 1), (3,), (1, 3, 1), (1,)]


@pytest.mark.parametrize("recipe", [pk.Muon(), pk.Muon(momentum=0.8, iterations=3, decay=0.2)])
def test_muon_takes_torchs_path(recipe: pk.Muon, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's rounds to bfloat16: without that, in float64. The last weight and the biases are torch's AdamW."""
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has no Muon")
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor)

    def rule(k: int, start: np.ndarray, gradients: list[np.ndarray]) -> list[np.ndarray]:
        if k not in (0, 2):
            return adamw(start, gradients, (0.9, 0.999), 1e-8, recipe.decay)
        w, path = torch.tensor(start).flatten(1).requires_grad_(), []
        inner = torch.optim.Muon(
            [w], lr=RATE, weight_decay=recipe.decay, momentum=recipe.momentum,
            ns_steps=recipe.iterations, adjust_lr_fn="match_rms_adamw",
        )  # fmt: skip
        for g in gradients:
            w.grad = torch.tensor(g).flatten(1)
            inner.step()
            path.append(w.detach().numpy().reshape(start.shape).copy())
        return path

    Path(recipe).assert_is(rule)


@pytest.mark.parametrize("recipe", [pk.LARS(), pk.LARS(momentum=0.5, decay=0.3, trust=0.2, least=3.0)])
def test_lars_is_algorithm_1(recipe: pk.LARS) -> None:
    """Of arXiv:1708.03888, with a least length; the weight that is zero at first moves."""

    def rule(k: int, w: np.ndarray, gradients: list[np.ndarray]) -> list[np.ndarray]:
        v, path = np.zeros_like(w), []
        for g in gradients:
            local, decay = 1.0, 0.0
            if w.ndim > 1:
                length, decay = np.sqrt(np.sum(w**2)), recipe.decay
                denominator = np.sqrt(np.sum(g**2)) + decay * length
                local = recipe.trust * max(length, recipe.least) / denominator if denominator else 0.0
            v = recipe.momentum * v + RATE * local * (g + decay * w)
            w = w - v
            path.append(w)
        return path

    path = Path(recipe)
    path.assert_is(rule)
    assert not path.values[0][4].any() and path.values[1][4].all()


@pytest.mark.parametrize("recipe", [pk.LAMB(), pk.LAMB(betas=(0.5, 0.9), eps=0.1, decay=0.3, least=3.0)])
def test_lamb_is_algorithm_2(recipe: pk.LAMB) -> None:
    """Of arXiv:1904.00962; biases are torch's AdamW without decay."""
    (beta1, beta2) = recipe.betas

    def rule(k: int, w: np.ndarray, gradients: list[np.ndarray]) -> list[np.ndarray]:
        if w.ndim == 1:
            return adamw(w, gradients, recipe.betas, recipe.eps, 0.0)
        m, v, path = 0.0, 0.0, []
        for t, g in enumerate(gradients, 1):
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            r = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + recipe.eps) + recipe.decay * w
            norm, length = np.sqrt(np.sum(r**2)), max(np.sqrt(np.sum(w**2)), recipe.least)
            w = w - RATE * (length / norm if norm else 0.0) * r
            path.append(w)
        return path

    Path(recipe).assert_is(rule)


def test_a_step_of_lamb_and_of_lars_by_hand() -> None:
    """w = (3, 4) has the length 5; the gradient (0, 2) makes Adam's first step (0, 1)."""
    for recipe, expected in ((pk.LAMB(eps=1e-12, decay=0.0), 4 - 0.1 * 5), (pk.LARS(decay=0.5), None)):
        x = torch.tensor([3.0, 4.0], dtype=torch.float64)
        optimizer = recipe.make(x, dot, lambda v: [v.view(1, 2)])
        optimizer.step(lambda x: (0.0, torch.tensor([0.0, 2.0], dtype=torch.float64)), 0.1, fresh=True)
        if expected is None:  # ratio 5 / (2 + 0.5 * 5) = 10 / 9, direction (1.5, 4)
            np.testing.assert_allclose(x, [3 - 0.1 * 10 / 9 * 1.5, 4 - 0.1 * 10 / 9 * 4])
        else:
            np.testing.assert_allclose(x, [3.0, expected])


@pytest.mark.parametrize("recipe", [pk.SOAP(every=3), pk.SOAP((0.8, 0.9), 1e-3, 0.2, every=1, largest=3)])
def test_soap_is_algorithm_3(recipe: pk.SOAP) -> None:
    """Of arXiv:2409.11321 on each place of the kernel, with damping. Biases are torch's AdamW."""
    (beta1, beta2) = recipe.betas

    def rule(k: int, w: np.ndarray, gradients: list[np.ndarray]) -> list[np.ndarray]:
        if w.ndim == 1:
            return adamw(w, gradients, recipe.betas, recipe.eps, recipe.decay)
        outputs, inputs, places = w.shape
        L, R = np.zeros((outputs, outputs)), np.zeros((inputs, inputs))
        QL, QR, M, V, path = np.eye(outputs), np.eye(inputs), np.zeros_like(w), np.zeros_like(w), []

        def at_each(G: np.ndarray, A: np.ndarray, B: np.ndarray) -> np.ndarray:
            return np.stack([A @ G[:, :, p] @ B for p in range(places)], axis=2)

        for t, G in enumerate(gradients, 1):
            rotated = at_each(G, QL.T, QR)
            M = beta1 * M + (1 - beta1) * G
            V = beta2 * V + (1 - beta2) * rotated**2
            N = at_each(M, QL.T, QR) / (1 - beta1**t) / (np.sqrt(V / (1 - beta2**t)) + recipe.eps)
            w = w - RATE * recipe.decay * w - RATE * at_each(N, QL, QR.T)
            L = beta2 * L + (1 - beta2) * sum(G[:, :, p] @ G[:, :, p].T for p in range(places))
            R = beta2 * R + (1 - beta2) * sum(G[:, :, p].T @ G[:, :, p] for p in range(places))
            if (t - 1) % recipe.every == 0:
                QL = np.linalg.qr((L + 1e-3 * np.trace(L) / outputs * np.eye(outputs)) @ QL)[0]
                QR = np.linalg.qr((R + 1e-3 * np.trace(R) / inputs * np.eye(inputs)) @ QR)[0]
            QL = QL if outputs <= recipe.largest else np.eye(outputs)
            QR = QR if inputs <= recipe.largest else np.eye(inputs)
            path.append(w)
        return path

    Path(recipe).assert_is(rule)
