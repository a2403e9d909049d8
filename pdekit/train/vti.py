"""A predicted field as VTK ImageData, for ParaView, by the package pyevtk."""

import os
from pathlib import Path

import numpy as np

from pdekit.beside import beside
from pdekit.pde.fields.files import optional
from pdekit.pde.problem import Problem


def write_image(path: Path, problem: Problem, data: np.ndarray, u: np.ndarray) -> None:
    """Write u (*u_shape) and the data (*data_shape) that it belongs to as `path`, a .vti: float64, x fastest.

    Point data `coefficient` and `u`; of two or three components, a vector with zeros up to three, of more `u_0`,
    `u_1`, ... Time, where there is any, runs along the image's second axis. An initial condition is shown at all times,
    and a single number everywhere. ModuleNotFoundError without pyevtk.
    """
    write = optional("pyevtk.hl", "pyevtk", "files for ParaView").imageToVTK
    axes = list(problem.axes.values())[::-1]  # x first
    flat = 3 - len(axes)
    parts = [_image(one) for one in u.reshape(-1, *problem.shape)]
    if len(parts) == 1:
        fields = {"u": parts[0]}
    elif len(parts) <= 3:
        fields = {"u": tuple([*parts, *[np.zeros_like(parts[0])] * (3 - len(parts))])}
    else:
        fields = {f"u_{k}": part for k, part in enumerate(parts)}
    fields["coefficient"] = _image(np.broadcast_to(data, problem.shape))
    with beside(path) as other:
        write(
            os.fspath(other.with_suffix("")),  # it adds .vti itself
            origin=(*(float(a[0]) for a in axes), *(0.0,) * flat),
            spacing=(*(float(a[-1] - a[0]) / (len(a) - 1) for a in axes), *(1.0,) * flat),
            pointData=fields,
        )


def _image(values: np.ndarray) -> np.ndarray:
    """(*shape), x last, as (nx, ny, nz) in Fortran order, which is how VTK stores it."""
    values = np.ascontiguousarray(values, dtype=np.float64)
    return values.T.reshape(*values.shape[::-1], *(1,) * (3 - values.ndim), order="F")
