"""Boundary values by construction, for every kind of problem whose faces carry conditions."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pdekit.pde.conditions import Obstacle
from pdekit.pde.faces import Faces, lifting_and_mask
from pdekit.pde.problem import Problem, Samples


@dataclass(frozen=True)
class Imposed(Problem):
    """u is `lifting + mask * output`, exact on the essential faces and in the obstacle whatever the output is."""

    faces: ClassVar[Faces] = Faces()  # * without flux, unless a problem has others or makes them a setting
    obstacle: ClassVar[Obstacle | None] = None  # * the same

    @property
    def conditions(self) -> Faces:
        """The condition on each face; `faces`, unless they follow from other settings."""
        return self.faces

    @property
    def immersed(self) -> Obstacle | None:
        """The obstacle in the domain, if there is one."""
        return self.obstacle

    def lifting_and_mask(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Two tensors (*u_shape): u on the essential faces, and what an output is multiplied by."""
        two = lifting_and_mask(self.conditions, self.immersed, self.shape, self.components)
        lifting, mask = (torch.tensor(one, dtype=dtype).reshape(self.u_shape) for one in two)
        return lifting, mask

    def ansatz(self, dtype: torch.dtype, samples: Samples) -> tuple[Tensor, Tensor]:
        """`lifting_and_mask`; a lifting that follows from the samples' data is (B, *u_shape)."""
        return self.lifting_and_mask(dtype)

    def close(self, u: Tensor) -> Tensor:
        """u (..., *shape) with the last node of each periodic axis that of the first."""
        for axis in self.conditions.periodic(self.dim):
            u = torch.cat([u.narrow(axis, 0, u.shape[axis] - 1), u.narrow(axis, 0, 1)], dim=axis)
        return u

    def impose(self, output: Tensor, samples: Samples) -> Tensor:
        """`lifting + mask * output`, then the last nodes of a periodic axis set to its first."""
        lifting, mask = self.ansatz(output.dtype, samples)
        return self.close(torch.addcmul(lifting, mask, output if self.components > 1 else output.squeeze(1)))
