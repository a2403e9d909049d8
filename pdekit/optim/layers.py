"""A flat vector seen layer by layer, for methods that treat a weight as a matrix, or measure its length."""

from collections.abc import Callable

from torch import Tensor

Split = Callable[[Tensor], list[Tensor]]
"""A vector like x (P,) -> views of it, shaped like the parameters."""


def layers(split: Split, vector: Tensor) -> list[Tensor]:
    """Views of `vector`: weights as (outputs, inputs, places in the kernel), biases and the like as they are."""
    return [one.view(*one.shape[:2], -1) if one.dim() > 1 else one for one in split(vector)]


def whole(vector: Tensor) -> list[Tensor]:
    """A vector that is no network's: one parameter."""
    return [vector]
