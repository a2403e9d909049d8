"""A module whose parameters are one vector, and whose gradient and loss are one message."""

import numpy as np
import torch
from torch import Tensor, nn


class FlatModule:
    """The parameters of `module` that are trained as views of `parameters` (P,), their gradients as views of `message`.

    Backward accumulates straight into the message (P + 2 places + riders,): the gradient, the loss, and `riders`,
    numbers that travel along. Each of the `places` whose shares add up to the loss has two numbers of its own, its
    share and what rounding has left of it; the others have zeros there, so that no sum rounds them, and a loss of
    float32 parameters has 48 bits. With `like` the parameters are those of another FlatModule, the same memory.
    """

    def __init__(
        self,
        module: nn.Module,
        riders: int = 0,
        like: "FlatModule | None" = None,
        place: int = 0,
        places: int = 1,
    ) -> None:
        self.module = module
        self.tensors = [p for p in module.parameters() if p.requires_grad]
        whole = torch.cat([as_vector(p.detach()) for p in self.tensors])
        self._last = [not p.is_contiguous() for p in self.tensors]
        self.parameters = whole if like is None else like.parameters
        self.message = torch.zeros(len(whole) + 2 * places + riders, dtype=whole.dtype)
        self.gradient, self.shares, self.riders = self.message.split([len(whole), 2 * places, riders])
        self._share = self.shares[2 * place : 2 * place + 2]
        values, gradients = self.split(self.parameters), self.split(self.gradient)
        for p, value, gradient in zip(self.tensors, values, gradients, strict=True):
            p.data, p.grad = value, gradient

    def split(self, vector: Tensor) -> list[Tensor]:
        """Views of a vector like `parameters`, shaped like the module's."""
        parts = vector.split([p.numel() for p in self.tensors])
        layers = zip(parts, self.tensors, self._last, strict=True)
        return [shaped(part, p.shape, last) for part, p, last in layers]

    def backward(self, share: Tensor, ride: Tensor | None = None) -> None:
        """This place's `share` of the loss, its gradient, and what rides along (riders,); what was there is gone."""
        self.message.zero_()
        self._share[0] = share.detach()
        self._share[1] = (share.detach() - self._share[0]).nan_to_num(0.0, 0.0, 0.0)  # of an infinite one
        if ride is not None:
            self.riders.copy_(ride)
        share.backward()

    @property
    def loss(self) -> float:
        """What the message says."""
        return float(self.shares.double().sum())

    def numpy(self) -> np.ndarray:
        """The message's memory."""
        return self.message.numpy()


def as_vector(weight: Tensor) -> Tensor:
    """The numbers of a layer's parameter in the order of its memory; one that is not contiguous is channels last."""
    return (weight if weight.is_contiguous() else weight.movedim(1, -1)).reshape(-1)


def shaped(vector: Tensor, shape: torch.Size, last: bool) -> Tensor:
    """A view of what `as_vector` made, as the parameter of a layer, channels last or contiguous."""
    return vector.view(shape[0], *shape[2:], shape[1]).movedim(-1, 1) if last else vector.view(shape)
