"""A user's function tried out on random numbers before any rank starts: wrong shapes, NaN, coupled samples, ..."""

from functools import lru_cache

import torch
from torch import Tensor

from pdekit import checks
from pdekit.pde import points
from pdekit.pde.arguments import CELLS, SAMPLES, Arguments, arguments, at_rest
from pdekit.pde.code import Words, call, compiled, returned

EXPECTED = {
    "energy": "one number a point, (samples, points, cells) = ",
    "weak": "one number a point, (samples, points, cells) = ",
    "strong": "one number a node, shaped like u, ",
}


@lru_cache(maxsize=64)
@torch.enable_grad()
def tried(kind: str, text: str, dim: int, components: int, positive: bool) -> None:
    """ValueError that shows the place if the function of `text` cannot be what a PDE's `kind` needs."""
    given = arguments(kind, dim, components, positive)
    before = {name: one.detach().clone() for name, one in given.items() if isinstance(one, Tensor)}
    value = _value(kind, text, given)
    for name, one in before.items():
        if not torch.equal(one, given[name].detach()):
            raise checks.refuse(kind, f"{name} left as it is", f"{name} changed in place", "work on a copy")
    if not torch.equal(value, _value(kind, text, given)):
        remedy = "leave out random numbers and what it remembers of earlier calls"
        raise checks.refuse(kind, "the same for the same arguments", "another value", remedy)
    _refuse_no_derivative(kind, text, given, value)
    resting = {name: at_rest(name, one) for name, one in given.items()}
    _refuse_no_derivative(kind, text, resting, _value(kind, text, resting), nonzero=False)
    _value(kind, text, arguments(kind, dim, components, positive, torch.float32))
    _refuse_coupling(kind, text, given, value.detach())
    if kind == "weak":
        _refuse_not_linear(text, given, value.detach())


def _value(kind: str, text: str, given: Arguments) -> Tensor:
    """What the function returns; ValueError unless it is one finite number a place, in the arguments' dtype."""
    value = call(kind, text, *given.values())
    place, u = returned(text), given["u"]
    if not isinstance(value, Tensor):
        got = Words(f"{type(value).__name__}{place}")
        raise checks.refuse(kind, "a tensor", got, "return what follows from u by tensor operations")
    c = given["c"]
    expected = tuple(u.shape) if kind == "strong" else tuple(c.shape)
    if tuple(value.shape) != expected:
        got = Words(f"{tuple(value.shape)}{place}")
        shapes = (f"{n} {tuple(a.shape)}" for n, a in given.items() if isinstance(a, Tensor))
        sums = "" if kind == "strong" else "; a sum over axes is (grad_u**2).sum(0)"
        raise checks.refuse(
            kind, f"{EXPECTED[kind]}{expected}", got, f"the arguments are {', '.join(shapes)}{sums}"
        )
    if value.dtype != u.dtype:
        got = Words(f"{value.dtype}{place}")
        remedy = "give tensors of your own dtype=u.dtype"
        raise checks.refuse(kind, f"{u.dtype}, as its arguments are", got, remedy)
    if not value.isfinite().all():
        _refuse_number(kind, text, given, value, "value")
    return value


def _refuse_number(kind: str, text: str, given: Arguments, value: Tensor, what: str) -> None:
    """Say at which arguments `value` is no number."""
    bad = [int(k) for k in (~value.isfinite()).nonzero()[0]]
    lead = value.dim() - given["c"].dim()
    sample, *place = bad[lead:]
    shown = []
    for name, one in given.items():
        if isinstance(one, Tensor):
            here = one.detach()[(..., *(slice(None),) * (name != "x"), *place)]
            here = here if name == "x" else here[..., sample]
            numbers = ", ".join(f"{float(v):.3g}" for v in here.flatten())
            shown.append(f"{name} = ({numbers})" if here.dim() else f"{name} = {numbers}")
    got = Words(f"the {what} {float(value.detach()[tuple(bad)])} at {', '.join(shown)}{returned(text)}")
    remedy = "networks propose such u: keep logarithms, roots and quotients away from zero"
    raise checks.refuse(kind, "finite numbers", got, remedy)


def _refuse_no_derivative(
    kind: str, text: str, given: Arguments, value: Tensor, nonzero: bool = True
) -> None:
    """ValueError unless `value` depends on u by finite derivatives."""
    if not value.requires_grad:
        got = Words(f"a value that does not depend on it{returned(text)}")
        remedy = "use u, with tensor operations and without detach, item or numpy"
        raise checks.refuse(kind, "a function that can be differentiated by u", got, remedy)
    by = {name: given[name] for name in ("u", "grad_u") if name in given}
    slopes = torch.autograd.grad(value.sum(), list(by.values()), allow_unused=True)
    for name, slope in zip(by, slopes, strict=True):
        if slope is not None and not slope.isfinite().all():
            if kind == "strong" or name == "grad_u":  # the place of one number is enough
                slope = slope.sum(dim=tuple(range(slope.dim() - given["c"].dim())))
            _refuse_number(kind, text, given, slope, f"derivative by {name}")
    if nonzero and not any(slope is not None and slope.any() for slope in slopes):
        got = Words(f"a value that does not change with it{returned(text)}")
        raise checks.refuse(kind, "a function of u", got, "the PDE's unknown is u")


def _refuse_coupling(kind: str, text: str, given: Arguments, value: Tensor) -> None:
    """ValueError if one sample's value, or one point's, depends on another's."""
    axes = given["c"].dim()
    for what, axis in (("sample", -axes), ("cell", -1)) if kind != "strong" else (("sample", -axes),):
        moved = dict(given)
        for name, one in given.items():
            if isinstance(one, Tensor) and not (name == "x" and what == "sample"):
                moved[name] = one.detach().clone()
                moved[name].select(axis, 0).mul_(1.5).add_(0.5)
        there = _value(kind, text, moved).detach()
        others = value.shape[axis] - 1
        if not torch.equal(there.narrow(axis, 1, others), value.narrow(axis, 1, others)):
            got = Words(f"a value of {what} 1 that changes with {what} 0{returned(text)}")
            remedy = f"sum or average over no axis of {what}s"
            raise checks.refuse(kind, f"each {what} by itself", got, remedy)


def _refuse_not_linear(text: str, given: Arguments, value: Tensor) -> None:
    """ValueError unless form(2 v - 3 w) = 2 form(v) - 3 form(w)."""
    random = torch.Generator().manual_seed(1)
    other = {
        name: torch.randn(given[name].shape, generator=random, dtype=torch.float64)
        for name in ("v", "grad_v")
    }
    both = {name: 2 * given[name] - 3 * other[name] for name in other}
    expected = 2 * value - 3 * _value("weak", text, given | other).detach()
    got = _value("weak", text, given | both).detach()
    if not torch.allclose(got, expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max())):
        worst = int((got - expected).abs().argmax())
        numbers = f"{float(got.flatten()[worst]):.6g} instead of {float(expected.flatten()[worst]):.6g}"
        text_ = Words(f"form(2 v - 3 w) = {numbers}{returned(text)}")
        remedy = "each term needs v or grad_v once, as a factor"
        raise checks.refuse("weak", "a form linear in v: 2 form(v) - 3 form(w)", text_, remedy)


@lru_cache(maxsize=64)
@torch.enable_grad()
def quadratic(text: str, dim: int, components: int, positive: bool) -> bool:
    """Whether the energy density of `text` is `1/2 e^T H e + s^T e` in e = (u, grad u), H and s free of u.

    Tried at random: the second derivatives at two states agree, and the values at both are those of the expansion
    about zero, without a constant, for which a stencil has no room.
    """
    given = arguments("energy", dim, components, positive)
    psi, x, c = compiled("energy", text), given["x"], given["c"]
    random = torch.Generator().manual_seed(2)
    rows = (SAMPLES * components, (1 + dim) * 2**dim, CELLS)
    states = [torch.randn(rows, generator=random, dtype=torch.float64) * size for size in (1.0, 4.0)]
    zero = torch.zeros(rows, dtype=torch.float64)
    second = points.curvature(zero, psi, x, c)
    leaf = zero.clone().requires_grad_()
    (slope,) = torch.autograd.grad(psi(*points.split(leaf, SAMPLES, dim), x, c).sum(), leaf)
    for e in states:
        if not torch.allclose(points.curvature(e, psi, x, c), second, rtol=1e-9, atol=1e-9):
            return False
        of_samples = e.reshape(SAMPLES, -1, 2**dim, CELLS)  # (B, S, G, P), as in `curvature`
        half = torch.einsum("bsgp,bstgp,btgp->bgp", of_samples, second, of_samples) / 2
        expected = half + (slope * e).reshape(of_samples.shape).sum(dim=1)
        value = psi(*points.split(e, SAMPLES, dim), x, c)
        if not torch.allclose(value, expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max())):
            return False
    return True
