"""Each generator has the same losses on any number of ranks, dropout and a module of the user's included."""

import numpy as np
import pytest

import pdekit as pk
from tests.ranks.launch import on_ranks

pytestmark = pytest.mark.ranks

OWN = """
def build(channels, outputs, dim):
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4, eps=1e-3, momentum=0.3), nn.GELU(),
        {dropout}
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, bias=False), nn.BatchNorm2d(4), nn.GELU(),
        nn.Conv2d(4, outputs, 1),
    )
"""
RECIPES = [
    pk.UNet(width=4, depth=2, dropout=0.2),
    pk.EncoderDecoder(width=4, depth=2, dropout=0.2),
    pk.ResNet(width=4, blocks=3, dropout=0.2),
    pk.FNO(width=4, modes=5, layers=2, dropout=0.2),
    pk.FNO(width=4, modes=5, layers=2, norm="batch"),
    pk.Network(OWN.format(dropout="nn.Dropout(0.2), nn.Dropout2d(0.2),")),
]


def experiments() -> list[str]:
    """4 samples in batches of 3: every second batch leaves a rank without any. L-BFGS compares losses of one mask."""
    problem, settings = pk.Poisson(16), {"samples": 4, "dtype": "float64"}
    made = [pk.Experiment(problem, recipe, batch=3, steps=6, **settings) for recipe in RECIPES]
    lbfgs = pk.Experiment(problem, RECIPES[0], optimizer="lbfgs", batch=4, steps=4, **settings)
    return [str(one) for one in (*made, lbfgs)]


@pytest.mark.filterwarnings("ignore:Network. its batch norms")
def test_loss_histories_do_not_depend_on_the_number_of_ranks() -> None:
    """Fails with a mask drawn by rank or by place in the batch, and with a user's batch norm left as it is."""
    texts = experiments()
    serial, both = (on_ranks(ranks, "histories", experiments=texts)[0] for ranks in (1, 2))
    for text, losses, expected in zip(texts, both, serial, strict=True):
        np.testing.assert_allclose(losses, expected, rtol=1e-10, err_msg=text)


@pytest.mark.parametrize("counts", [[3, 2], [0, 4, 1]])
def test_a_users_batch_norm_is_torchs_on_the_concatenated_batch(counts: list[int]) -> None:
    assert max(on_ranks(len(counts), "own_network", code=OWN.format(dropout=""), counts=counts)) < 1e-10
