"""Waves of one frequency that leave the square through its faces."""

import numpy as np
from scipy.sparse.linalg import splu

from pdekit import checks
from pdekit.pde.reference.elliptic import coefficient, moments, stiffness, weighted_mass
from pdekit.pde.reference.grids import grid


def helmholtz(c: np.ndarray, k: float, f: np.ndarray) -> np.ndarray:
    """u (2, H, W), real and imaginary part, with `-Lap u - (k/c)^2 u = f`, du/dn = i (k/c) u on all faces; float64.

    `c` (H, W) > 0 is the nodal speed of waves, interpolated bilinearly, `k` > 0 the wave number where c = 1, `f` (H, W)
    the nodal source, real or complex. With time factor exp(-i k t) the faces absorb waves that meet them head on
    (Engquist and Majda 1977, Math. Comp. 31, first order). Bilinear elements; (k/c)^2 and k/c by three Gauss points per
    axis. The error grows like k^3 h^2 (Ihlenburg and Babuska 1995, Comput. Math. Appl. 30). ValueError for data that
    do not fit.
    """
    c, k = coefficient("c", c), checks.positive("k", k)
    f = np.asarray(f)
    if f.shape != c.shape or not np.isfinite(f).all():
        raise checks.refuse("f", f"finite values of c's shape {c.shape}", f.shape, "give one per node")
    on = grid(c.shape, 1, 5)
    matrix = on.matrix(stiffness.assemble(on.basis, nu=np.ones_like(on.basis.dx))).astype(complex)
    matrix = matrix - on.matrix(weighted_mass.assemble(on.basis, a=(k / np.asarray(on.interpolate(c))) ** 2))
    for axis, end in ((0, 0), (0, 1), (1, 0), (1, 1)):
        face = on.facets(axis, end)
        matrix = matrix - 1j * on.matrix(
            weighted_mass.assemble(face, a=k / np.asarray(on.interpolate(c, face)))
        )
    real, imaginary = (
        on.vector(moments.assemble(on.basis, f=on.interpolate(part))) for part in (f.real, f.imag)
    )
    u = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A").solve(real + 1j * imaginary).reshape(c.shape)
    return np.stack([u.real, u.imag])
