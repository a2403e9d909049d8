"""A module of the user's tried out on random numbers before any rank starts.

Batch norm and dropout stay as in evaluation: the one lets samples see each other, and the library does both itself.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from pdekit import checks
from pdekit.code import Words, returned
from pdekit.generators.adapt import adapted
from pdekit.generators.dropout import Dropout, dropouts, remember
from pdekit.generators.network import BUILD

SAMPLES = 3
Shape = tuple[int, ...]


@lru_cache(maxsize=64)
def tried(text: str, channels: int, outputs: int, shapes: tuple[Shape, ...]) -> tuple[str, ...]:
    """The names of its batch norms. ValueError if it cannot be trained on grids of `shapes`, smallest first."""
    least = shapes[0]
    with torch.random.fork_rng(devices=[]):
        module, norms = _built(text, channels, outputs, len(least))
        again, _ = _built(text, channels, outputs, len(least))
        _refuse_parameters(module, again)
        x = _inputs((SAMPLES, channels, *least), torch.float64)
        module.double()
        for training in (False, True):
            _set(module, training)
            _refuse_chance(module, text, x, outputs)
            _refuse_coupling(module, text, x, outputs)
        for layer in dropouts(module):
            layer.train()
        for batch in (x, x[:0]):
            _refuse_no_gradient(module, text, batch, outputs)
        module.float().eval()
        for shape in shapes:
            _value(module, text, _inputs((1, channels, *shape), torch.float32), outputs)
    return tuple(norms)


def _built(text: str, channels: int, outputs: int, dim: int) -> tuple[nn.Module, list[str]]:
    torch.manual_seed(0)
    module = BUILD.call(text, channels, outputs, dim)
    if not isinstance(module, nn.Module):
        got = Words(f"{type(module).__name__}{returned(text)}")
        raise checks.refuse("network", "an nn.Module", got, "return the module itself")
    return adapted(module)


def _inputs(shape: Shape, dtype: torch.dtype) -> Tensor:
    """As the solver gives them."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)
    return x.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else x


def _batch(x: Tensor) -> str:
    """x in words."""
    return f"{tuple(x.shape)}, {x.dtype}{'' if len(x) else ' (a rank may be without samples)'}"


def _set(module: nn.Module, training: bool) -> None:
    module.train(training)
    for layer in module.modules():
        if isinstance(layer, (nn.modules.batchnorm._BatchNorm, Dropout)):
            layer.eval()


def _value(module: nn.Module, text: str, x: Tensor, outputs: int) -> Tensor:
    """What the module returns for x; ValueError unless it has the right shape and dtype, and finite numbers."""
    value = BUILD.guarded(text, lambda: module(x), f"a module that takes {_batch(x)}")
    got = f"{type(value).__name__} of {type(module).__name__}"
    if not isinstance(value, Tensor):
        raise checks.refuse("network", "a tensor", Words(got), "return the fields alone")
    expected = (len(x), outputs, *x.shape[2:])
    if tuple(value.shape) != expected:
        remedy = f"samples, outputs and grid, for x {tuple(x.shape)}"
        raise checks.refuse("network", f"fields of shape {expected}", tuple(value.shape), remedy)
    if value.dtype != x.dtype:
        remedy = "give tensors of your own dtype=x.dtype, or make them buffers"
        raise checks.refuse("network", f"{x.dtype}, as its input is", value.dtype, remedy)
    if not value.isfinite().all():
        bad = float(value.detach()[~value.isfinite()][0])
        remedy = "keep logarithms, roots and quotients away from zero"
        raise checks.refuse("network", "finite numbers", bad, remedy)
    return value


def _refuse_parameters(module: nn.Module, again: nn.Module) -> None:
    """ValueError unless there are real parameters, the same ones when it is built again."""
    named = dict(module.named_parameters())
    if not named:
        raise checks.refuse("network", "a module with parameters", Words("none"), "there is nothing to train")
    for name, one in named.items():
        if isinstance(one, nn.parameter.UninitializedParameter):
            raise checks.refuse("network", "parameters of known shape", Words(name), "leave out lazy layers")
        if one.is_complex():
            remedy = "keep real and imaginary part, and use torch.view_as_complex"
            raise checks.refuse("network", "real parameters", Words(f"{name}, {one.dtype}"), remedy)
    first, second = module.state_dict(), again.state_dict()
    for name, one in first.items():
        if name not in second or not torch.equal(one, second[name]):
            remedy = "draw random numbers by torch alone, so that every rank draws the same"
            raise checks.refuse("network", "the same numbers when built again", Words(name), remedy)


def _refuse_chance(module: nn.Module, text: str, x: Tensor, outputs: int) -> None:
    """ValueError if it changes its input, or returns something else the second time."""
    before = x.clone()
    values = [_value(module, text, x, outputs) for _ in range(2)]
    if not torch.equal(x, before):
        got = Words("its input changed in place")
        raise checks.refuse("network", "its input left as it is", got, "work on a copy")
    if not torch.equal(*values):
        got = Words("another value in training" if module.training else "another value")
        remedy = "for noise use nn.Dropout; remember nothing of earlier calls"
        raise checks.refuse("network", "the same for the same fields", got, remedy)


def _refuse_coupling(module: nn.Module, text: str, x: Tensor, outputs: int) -> None:
    """ValueError, naming the layer, if sample 1 changes with sample 0."""
    moved = x.clone(memory_format=torch.preserve_format)
    moved[0] = 1.5 * x[0] + 0.5
    seen: list[list[tuple[str, Tensor, Tensor]]] = []

    def hook(name: str) -> Callable:
        return lambda _, inputs, output: seen[-1].append((name, *_tensors(inputs, output)))

    hooks = [
        m.register_forward_hook(hook(f"{name} ({type(m).__name__})" if name else type(m).__name__))
        for name, m in module.named_modules()
    ]
    values = []
    for fields in (x, moved):
        seen.append([])
        values.append(_value(module, text, fields, outputs))
    for one in hooks:
        one.remove()
    alone = _value(module, text, x[1:2], outputs)
    if _differ(*values):
        pairs = zip(*seen, strict=False)  # inner layers end first
        name = next(a[0] for a, b in pairs if _differ(a[2], b[2]) and not _differ(a[1], b[1]))
        got = Words(f"a sample 1 that changes with sample 0 in {name}")
        remedy = "sum, average or normalise over no axis of samples; nn.BatchNorm may"
        raise checks.refuse("network", "each sample by itself", got, remedy)
    if not _close(alone, values[0][1:2]):
        got = Words("a sample that changes with how many there are")
        raise checks.refuse("network", "each sample by itself", got, "leave the number of samples out")


def _tensors(inputs: tuple, output: object) -> tuple[Tensor, Tensor]:
    """The first of the inputs and the output, where they are tensors."""
    first = inputs[0] if inputs and isinstance(inputs[0], Tensor) else torch.zeros(0)
    return first.detach().clone(), output.detach().clone() if isinstance(output, Tensor) else torch.zeros(0)


def _differ(a: Tensor, b: Tensor) -> bool:
    """Whether samples from 1 on differ; what does not count samples first is left to the layer around it."""
    return len(a) == SAMPLES and a.shape == b.shape and not _close(a[1:].double(), b[1:].double())


def _close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-9, atol=1e-9 * a.detach().abs().max().item())


def _refuse_no_gradient(module: nn.Module, text: str, x: Tensor, outputs: int) -> None:
    """ValueError that names the parameters without a finite gradient; a rank without samples needs them as well."""
    module.zero_grad()
    remember(dropouts(module), (0,), np.arange(len(x)))
    value = _value(module, text, x, outputs)
    if value.requires_grad:
        upstream = _inputs(tuple(value.shape), value.dtype)
        BUILD.guarded(text, lambda: value.backward(upstream), f"a backward for {_batch(x)}")
    missing = [name for name, p in module.named_parameters() if p.grad is None]
    where = f"for {_batch(x)}"
    if missing:
        got = Words(f"none for {', '.join(missing)}")
        remedy = "leave out what is not used; what is not trained is a buffer"
        raise checks.refuse("network", f"a gradient for each parameter {where}", got, remedy)
    wrong = [name for name, p in module.named_parameters() if not p.grad.isfinite().all()]
    if wrong:
        remedy = "keep logarithms, roots and quotients away from zero"
        raise checks.refuse("network", f"finite gradients {where}", Words(", ".join(wrong)), remedy)
