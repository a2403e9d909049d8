"""A network that exists nowhere but in its experiment's text, on real engines."""

import numpy as np
import pytest

import pdekit as pk

pytestmark = [pytest.mark.ranks, pytest.mark.filterwarnings("ignore:Network. its batch norms")]

BUILD = """
def build(channels, outputs, dim, width=4):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(channels, width, 3, padding=1, bias=False)
            self.norm, self.drop = nn.BatchNorm2d(width), nn.Dropout(0.2)
            self.last = nn.Conv2d(width, outputs, 3, padding=1)

        def forward(self, x):
            return self.last(self.drop(functional.silu(self.norm(self.first(x)))))

    return Net()
"""


def test_a_network_of_ones_own_trains_on_two_engines_as_in_one_process(cluster: pk.Cluster) -> None:
    experiment = pk.Experiment(
        pk.Poisson(16), pk.Network(BUILD), samples=5, batch=3, steps=5, dtype="float64"
    )
    there, here = cluster.solver(experiment, ranks=2), pk.Solver(experiment)
    np.testing.assert_allclose(there.run().loss, here.run().loss, rtol=1e-12)
    np.testing.assert_allclose(there.predict(7), here.predict(7), rtol=1e-9, atol=1e-12)
