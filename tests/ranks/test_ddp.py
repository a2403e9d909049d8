"""The benchmark compares like with like: DDP with its batch norm over all ranks trains as we do."""

from pathlib import Path

import numpy as np
import pytest

from tests.ranks.launch import on_ranks

pytestmark = pytest.mark.ranks


def test_synchronised_ddp_has_our_losses(tmp_path: Path) -> None:
    """Uneven shares; batch norm over both ranks, and group norm. Fails with a batch norm per rank."""
    for one in on_ranks(2, "beside_ddp", norms=["batch", "group"], store=str(tmp_path)):
        for norm in one:
            np.testing.assert_allclose(norm["DDP"], norm["ours"], rtol=0, atol=1e-9)
            assert norm["apart"] < 1e-9
