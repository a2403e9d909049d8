"""Machines as data: every figure has a source, and an allreduce the cost of the quickest algorithm."""

import math
import pickle

import numpy as np
import pytest

import pdekit as pk
from pdekit.scaling import allreduce
from pdekit.scaling.link import Link
from pdekit.scaling.network.machines import Machine, machines
from pdekit.scaling.network.topologies import FatTree

COLUMNS = pk.table("machines")


def test_every_machine_says_where_its_figures_come_from() -> None:
    """Fails for a figure without a source, what it quotes and how good it is; or a price without a date."""
    for name in ("machine", "source", "quoted", "figures", "kind", "topology"):
        assert all(COLUMNS[name]), name
    assert all(source.startswith(("https://", "http://")) for source in COLUMNS["source"])
    priced = ~np.isnan(COLUMNS["price"])
    assert [bool(date) for date in COLUMNS["priced"]] == priced.tolist()
    assert all("price: " in quoted for quoted in COLUMNS["quoted"][priced])
    assert set(COLUMNS["kind"]) >= {"ethernet", "infiniband", "cloud", "bare metal", "nvlink"}
    assert len(set(COLUMNS["machine"])) == len(COLUMNS["machine"])


def test_a_row_is_a_machine() -> None:
    found = machines()
    assert list(found) == COLUMNS["machine"].tolist()
    azure = found["Azure HB120rs_v2, HDR"]
    assert (azure.per_node, azure.price, azure.topology) == (120, 3.6, FatTree(20, 20, hop=130e-9))
    assert azure.between == Link(1.61e-6, 23.5e9) and azure.inside == Link(0.26e-6, 15.7e9)
    assert found["Ethernet 1 Gb/s"].price is None and found["Ethernet 1 Gb/s"].inside is None


@pytest.mark.parametrize("machine", machines().values(), ids=lambda machine: machine.name)
def test_more_bytes_take_longer_and_one_rank_takes_nothing(machine: Machine) -> None:
    bytes, ranks = np.array([8.0, 1e4, 1e6, 1e8])[:, None], np.array([1, 2, 3, 48, 100, 1024])
    seconds = machine.allreduce(bytes, ranks)
    assert seconds.shape == (4, 6) and np.all(seconds[:, 0] == 0)
    assert np.all(np.diff(seconds[:, 1:], axis=0) > 0)
    for name in ("ring", "recursive doubling", "rabenseifner", "hierarchical"):
        assert np.all(seconds <= machine.allreduce(bytes, ranks, name) * (1 + 1e-12))


def test_two_ranks_exchange_once() -> None:
    """By hand: alpha + n beta by recursive doubling, 2 alpha + n beta by a ring."""
    one = Machine("two", Link(1e-5, 1e8))
    assert one.allreduce(1e6, 2) == pytest.approx(1e-5 + 1e-2, rel=1e-12)
    assert one.allreduce(1e6, 2, "ring") == pytest.approx(2e-5 + 1e-2, rel=1e-12)


def test_without_contention_a_machine_is_the_alpha_beta_gamma_model() -> None:
    """Both ways to the same costs: rounds of messages here, formulas in scaling.allreduce."""
    link, inside = Link(2e-6, 1e9, 1e-10), Link(2e-7, 1e10, 1e-10)
    bytes, ranks = np.array([8.0, 1e5, 1e8])[:, None], np.array([1, 2, 3, 12, 100, 1024, 4095, 4096])
    one = Machine("one", link)
    for name, formula in allreduce.ALGORITHMS.items():
        np.testing.assert_allclose(one.allreduce(bytes, ranks, name), formula(bytes, ranks, link), rtol=1e-9)
    np.testing.assert_allclose(one.allreduce(bytes, ranks), allreduce.best(bytes, ranks, link)[1], rtol=1e-9)
    nodes = np.array([2, 3, 64])
    four = Machine("four", link, inside, per_node=4)
    np.testing.assert_allclose(
        four.allreduce(bytes, 4 * nodes, "hierarchical"),
        allreduce.hierarchical(bytes, nodes, 4, link, inside),
        rtol=1e-9,
    )


def test_a_hierarchy_spares_the_network() -> None:
    """Of 16 ranks a node all would send: the network carries each byte of a node twice, whatever the ranks."""
    fat = Machine("fat", Link(1e-6, 1e9), Link(1e-7, 1e11), per_node=16)
    expected = 4e-6 + 1e8 * 2 * (1 - 1 / 4) / 1e9 + 30e-7 + 1e8 * 2 * (15 / 16) / 1e11
    assert fat.allreduce(1e8, 64, "hierarchical") == pytest.approx(expected, rel=1e-9)
    assert fat.allreduce(1e8, 64) <= expected


def test_whole_nodes_are_paid() -> None:
    one = Machine("rented", Link(1e-5, 1e9), per_node=8, price=3.6)
    np.testing.assert_array_equal(one.nodes([1, 8, 9]), [1, 1, 2])
    np.testing.assert_allclose(one.dollars([1, 8, 9], [1000.0, 1000.0, 500.0]), [1.0, 1.0, 1.0])
    assert math.isnan(Machine("own", Link(1e-5, 1e9)).dollars(2, 3600.0))


def test_a_machine_is_a_value() -> None:
    one = Machine("own", Link(1e-5, 1e9), topology=FatTree(4, 2))
    one.allreduce(1.0, 64)
    assert one == Machine("own", Link(1e-5, 1e9), topology=FatTree(4, 2))
    assert pickle.loads(pickle.dumps(one)) == one
    assert "_carried" not in repr(one)


def test_what_makes_no_sense_is_refused() -> None:
    one = Machine("own", Link(1e-5, 1e9))
    with pytest.raises(ValueError, match="algorithm: expected one of 'ring', 'recursive doubling'"):
        one.allreduce(1.0, 2, "tree")
    with pytest.raises(ValueError, match=r"ranks: expected whole numbers, at least 1, got 2\.5"):
        one.allreduce(1.0, [2, 2.5])
    with pytest.raises(ValueError, match=r"bytes: expected finite numbers, at least 0, got -1\.0"):
        one.allreduce(-1.0, 2)
    with pytest.raises(ValueError, match="price: expected a finite number above 0"):
        Machine("free", Link(1e-5, 1e9), price=0.0)
    with pytest.raises(ValueError, match="per_node: expected a whole number"):
        Machine("empty", Link(1e-5, 1e9), per_node=0)
