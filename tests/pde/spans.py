"""The local functions of the Galerkin head one by one, as the tests' own idea of its span."""

import numpy as np
from torch import Tensor

from pdekit.pde.partition import Partition


def dense_span(functions: Tensor, hats: Partition, k: int) -> np.ndarray:
    """All local functions of sample k as rows (K J, C nodes): output fields times products of hats, one by one."""
    rows = []
    for v in functions[k].numpy():  # (C, *shape)
        for place in np.ndindex(*hats.shape):
            hat = np.ones(v.shape[1:])
            for axis, j in enumerate(place):
                line = hats.values[axis][j].numpy()
                hat = hat * line.reshape([-1 if a == axis else 1 for a in range(hat.ndim)])
            rows.append((v * hat).ravel())
    return np.array(rows)
