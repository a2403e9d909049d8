"""A module whose parameters are one vector, and whose gradient and loss are one message."""

import torch
from torch import Tensor, nn

from pdekit.parallel.comm import Comm


class FlatModule:
    """The parameters of `module` as views of `parameters` (P,), their gradients as views of `message` (P + 1,).

    Backward accumulates straight into the message, whose last entry is the loss: one allreduce in place, no
    copies.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        tensors = list(module.parameters())
        self.parameters = torch.cat([p.detach().reshape(-1) for p in tensors])
        self.message = torch.zeros(len(self.parameters) + 1, dtype=self.parameters.dtype)
        self.gradient = self.message[:-1]
        sizes = [p.numel() for p in tensors]
        values, gradients = self.parameters.split(sizes), self.gradient.split(sizes)
        for p, value, gradient in zip(tensors, values, gradients, strict=True):
            p.data = value.view(p.shape)
            p.grad = gradient.view(p.shape)

    def sum_over_ranks(self, share: Tensor, comm: Comm) -> float:
        """Differentiate this rank's `share` of the loss and add up the ranks: the loss; `gradient` is then global."""
        self.message.zero_()
        share.backward()
        self.message[-1] = share.detach()
        comm.allreduce(self.message.numpy())
        return float(self.message[-1])
