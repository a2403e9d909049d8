"""Weak residuals over bilinear elements, by automatic differentiation of the form, and their norm in the dual space."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pdekit.pde import dual
from pdekit.pde.dual import Modes
from pdekit.pde.elements import element, gather, scatter, spacing, table
from pdekit.pde.points import split

Form = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
"""a(u, grad_u; v, grad_v; x, c) at G Gauss points of P cells: u, v (B, G, P), grad (d, B, G, P), x (d, G, P), c
(B, G, P) -> (B, G, P), linear in v and grad v. Fields of vectors have (C, B, G, P) and (C, d, B, G, P)."""


class Part(NamedTuple):
    """One integral of the residual: over the domain, or over one face."""

    form: Form
    place: tuple[int | slice, ...]  # in the grid
    shape: tuple[int, ...]
    x: Tensor  # (d, G, P)
    c: Tensor  # (B, G, P)


class Parts(NamedTuple):
    """What a batch's residual needs beside u."""

    parts: tuple[Part, ...]
    modes: tuple[Modes, ...]  # of each component
    weight: float
    free: Tensor | None  # (*u_shape): zero in the obstacle, elsewhere one; None where there is none


def _fields(u: Tensor, part: Part) -> Tensor:
    """u (B, *u_shape) as (B C, *grid), a view."""
    return u.view(-1, *u.shape[-len(part.place) :])


def _slopes(u: Tensor, part: Part) -> tuple[Tensor, Tensor]:
    """u at a part's Gauss points, and the form's derivative in v there as a function of it: (B C, (1 + d) G, P)."""
    dim, batch = len(part.shape), len(part.c)
    weights = torch.from_numpy(element(spacing(part.shape)).weights).to(u.dtype)[:, None]
    with torch.enable_grad():
        at = _to_points(u, part)
        at = at if at.requires_grad else at.requires_grad_()
        test = torch.zeros_like(at, requires_grad=True)
        form = part.form(*split(at, batch, dim), *split(test, batch, dim), part.x, part.c)
        (slope,) = torch.autograd.grad((form * weights).sum(), test, create_graph=True)
    return at, slope


def _to_points(u: Tensor, part: Part) -> Tensor:
    on = _fields(u.contiguous(), part)[(slice(None), *part.place)]
    return torch.matmul(table(spacing(part.shape), 1, u.dtype), gather(on))


def _add(whole: Tensor, slope: Tensor, part: Part) -> None:
    """Add to `whole` (B, *u_shape) what `slope` at the Gauss points of a part means for its nodes."""
    to_points = table(spacing(part.shape), 1, slope.dtype)
    _fields(whole, part)[(slice(None), *part.place)].add_(scatter(to_points.T @ slope, part.shape))


def residual(u: Tensor, parts: Parts) -> Tensor:
    """a(u; N_p) for every node p: like u, differentiable in it."""
    whole = torch.zeros_like(u)
    for part in parts.parts:
        _add(whole, _slopes(u, part)[1], part)
    whole = _outside(whole, parts)
    return whole if u.requires_grad else whole.detach()


def _outside(whole: Tensor, parts: Parts) -> Tensor:
    return whole if parts.free is None else whole * parts.free


def represent(r: Tensor, parts: Parts) -> Tensor:
    """`S r`, the field whose inner product with N_p is r_p: like r (B, *u_shape)."""
    fields = r.view(len(r), len(parts.modes), *r.shape[-len(parts.modes[0].vectors) :])
    whole = [dual.inverse(fields[:, c], of, parts.weight) for c, of in enumerate(parts.modes)]
    return torch.stack(whole, dim=1).view(r.shape)


class DualNorm(torch.autograd.Function):
    """Value and gradient together: with y = S r, the loss is r . y / 2 and its gradient that of a(u; y) at fixed y."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, u: Tensor, parts: Parts) -> Tensor:
        r, gradient = torch.zeros_like(u), torch.zeros_like(u)
        made = [_slopes(u.detach(), part) for part in parts.parts]
        for (_, slope), part in zip(made, parts.parts, strict=True):
            _add(r, slope, part)
        r = _outside(r, parts)
        y = _outside(represent(r, parts), parts)
        for (at, slope), part in zip(made, parts.parts, strict=True):
            (back,) = torch.autograd.grad(slope, at, _to_points(y, part))
            _add(gradient, back, part)
        ctx.save_for_backward(gradient)
        return (r * y).flatten(1).sum(dim=1) / 2

    @staticmethod
    @once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, upstream: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return upstream.view(-1, *(1,) * (gradient.dim() - 1)) * gradient, None
