"""A PDE that exists nowhere but in its experiment's text, on real engines."""

import numpy as np
import pytest

import pdekit as pk

pytestmark = pytest.mark.ranks

PSI = """
def psi(u, grad_u, x, c, strength=2.0):
    # no module has this function
    return c / 2 * (grad_u**2).sum(0) + strength * torch.cosh(u) - torch.sin(3 * x[0]) * u
"""


def test_a_nonlinear_energy_trains_on_two_engines_as_in_one_process(cluster: pk.Cluster) -> None:
    problem = pk.PDE(resolution=16, energy=PSI)
    experiment = pk.Experiment(
        problem, pk.UNet(width=2, depth=2), samples=7, batch=3, steps=5, dtype="float64"
    )
    there, here = cluster.solver(experiment, ranks=2), pk.Solver(experiment)
    np.testing.assert_allclose(there.run().loss, here.run().loss, rtol=1e-12)
    np.testing.assert_allclose(there.predict(7), here.predict(7), rtol=1e-9, atol=1e-12)
    assert there.error([2**20]) == pytest.approx(here.error([2**20]), rel=1e-9)


def test_a_batch_smaller_than_the_ranks(cluster: pk.Cluster) -> None:
    experiment = pk.Experiment(
        pk.PDE(resolution=16, energy=PSI), pk.UNet(width=2, depth=2), samples=2, batch=1, steps=2
    )
    assert np.isfinite(cluster.solver(experiment, ranks=2).run().loss).all()
