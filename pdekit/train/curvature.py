"""Products with the Gauss-Newton matrix of a batch, without the matrix: forward through the generator, and back.

With w(theta) the generator's outputs, `G = J^T H J`, where J = dw/dtheta, and H is the second derivative of the loss
in w, or `2 R^T R` for a sum of squares of residuals with the derivative R. For a convex energy G is never indefinite,
which the second derivative in theta is (Schraudolph 2002, Neural Computation 14; Martens 2010, Deep learning via
Hessian-free optimization).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import functional_call

from pdekit import checks
from pdekit.parallel import Comm
from pdekit.parallel.flat import FlatModule
from pdekit.pde.least_squares import LeastSquares
from pdekit.pde.problem import Problem, Samples
from pdekit.pde.ritz import Ritz
from pdekit.pde.stencil import Quadratic, apply
from pdekit.pde.wide import derivative

Product = Callable[[Tensor], Tensor]
Output = Callable[[Callable[[Tensor], Tensor]], Tensor]
"""w (B, components, *shape) of the batch, which boundary values are imposed on, with that function as the generator."""


class GaussNewton:
    """v -> G v, both (P,), of the objective at the parameters as they are, summed over the ranks.

    `objective` is the function of each sample's loss whose sum by `count`, the global batch, is trained; its own
    curvature is left out, as that of the generator is. A product costs a forward with tangents and a backward; all
    ranks ask for the same ones.
    """

    def __init__(
        self,
        problem: Problem,
        samples: Samples,
        output: Output,
        flat: FlatModule,
        objective: Callable[[Tensor], Tensor],
        count: int,
        comm: Comm,
    ) -> None:
        self.flat, self.output, self.comm = flat, output, comm
        self.trained = {name: p for name, p in flat.module.named_parameters() if p.requires_grad}
        self.w = output(flat.module)
        with torch.enable_grad():
            w = self.w.detach().requires_grad_()
            u = problem.impose(w, samples)
            losses = problem.losses(u.detach(), samples).requires_grad_()
            (slopes,) = torch.autograd.grad(objective(losses).sum(), losses)
            of_loss = _of_energy if isinstance(problem, Ritz) else _of_squares
            self.of_loss = of_loss(problem, samples, w, u, losses.detach())
        self.slopes = (slopes / count).view(-1, *(1,) * (w.dim() - 1))  # of the whole loss in each sample's

    def __call__(self, v: Tensor) -> Tensor:
        """G v (P,)."""
        tangents = dict(zip(self.trained, self.flat.split(v), strict=True))
        with torch.no_grad(), forward_ad.dual_level():
            # contiguous, for a network of one's own: torch's group norm has no forward mode of channels last
            duals = {
                name: forward_ad.make_dual(p.contiguous(), tangents[name].contiguous())
                for name, p in self.trained.items()
            }
            w = self.output(lambda inputs: functional_call(self.flat.module, duals, (inputs.contiguous(),)))
            along = forward_ad.unpack_dual(w).tangent
        back = self.of_loss(along) * self.slopes
        parts = torch.autograd.grad(self.w, list(self.trained.values()), back, retain_graph=True)
        product = torch.empty_like(v)
        for place, part in zip(self.flat.split(product), parts, strict=True):
            place.copy_(part)
        self.comm.allreduce(product.numpy())
        return product


def can_be_bent(problem: Problem, in_parts: bool) -> None:
    """ValueError if there are no products with the curvature of `problem`, or of parameters or batches `in_parts`."""
    if not (isinstance(problem, Ritz) or (isinstance(problem, LeastSquares) and problem.squares)):
        expected = "a problem with an energy, or whose loss is a sum of squares"
        raise checks.refuse("newton-cg", expected, problem, "use another optimizer, such as lbfgs")
    if in_parts:
        remedy = "leave sharded and reproducible out, or use lbfgs"
        raise checks.refuse("newton-cg", "one vector and one graph on each rank", "parts of them", remedy)


def _of_energy(problem: Ritz, samples: Samples, w: Tensor, u: Tensor, _: Tensor) -> Product:
    """Products with the second derivative in w of each sample's energy; u = impose(w) is linear."""
    found = problem.curvature(u.detach(), samples)

    def product(v: Tensor) -> Tensor:
        with torch.no_grad(), forward_ad.dual_level():
            along = problem.impose(forward_ad.make_dual(w.detach(), v), samples)
            along = forward_ad.unpack_dual(along).tangent
            if isinstance(found, Quadratic):
                image = apply(along, found)
            else:
                image = found.product(along.view(len(w), 1, *w.shape[1:])).view_as(along)
        return torch.autograd.grad(u, w, image, retain_graph=True)[0]

    return product


def _of_squares(problem: LeastSquares, samples: Samples, w: Tensor, u: Tensor, losses: Tensor) -> Product:
    """Products with `R^T R` of each sample's residuals in w, times what makes their squared norm the loss, twice."""
    equations = problem.equations(u, samples)
    jacobian = derivative(equations, w, problem.offsets)
    norm = problem.norm_of_equations or (lambda r: r)  # linear
    r = norm(equations).flatten(1)
    squares = r.detach().square().sum(dim=1)
    factor = 2 * losses / torch.where(squares > 0, squares, 1.0)

    def product(v: Tensor) -> Tensor:
        with torch.no_grad():
            along = norm(jacobian.product(v.unsqueeze(1))[:, 0]).flatten(1)
        return torch.autograd.grad(r, w, along * factor[:, None], retain_graph=True)[0]

    return product
