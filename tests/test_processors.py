"""Cores are counted from trees like Linux's /sys, made up here; whose they are, from messages of ranks made up here."""

from pathlib import Path

import numpy as np
import pytest

from pdekit import processors
from pdekit.parallel import Serial
from pdekit.processors import Crew, cores


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty /sys/devices/system/cpu, and no quota."""
    monkeypatch.setattr(processors, "SYSTEM", tmp_path)
    monkeypatch.setattr(processors, "QUOTA", tmp_path / "cpu.max")
    return tmp_path


def threads_of_cores(tree: Path, *siblings: str) -> None:
    """Processor k is one of the hardware threads `siblings[k]`."""
    for cpu, text in enumerate(siblings):
        folder = tree / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{text}\n")


def test_hardware_threads_of_a_core_are_one_core(tree: Path) -> None:
    """Four cores of two threads, numbered as on Intel. Fails if processors are counted."""
    threads_of_cores(tree, *["0,4", "1,5", "2,6", "3,7"] * 2)
    assert cores(list(range(8))) == 4
    assert cores([0, 4]) == 1  # bound to both threads of one
    assert cores([0, 1, 4]) == 2


def test_neighbours_may_be_threads_of_a_core(tree: Path) -> None:
    """Numbered as on some AMD machines and POWER. Fails if the second half is taken for the siblings."""
    threads_of_cores(tree, "0-1", "0-1", "2-3", "2-3")
    assert cores([0, 1]) == 1 and cores([1, 2]) == 2 and cores([0, 1, 2, 3]) == 2


def test_where_the_system_does_not_tell_each_processor_is_a_core(tree: Path) -> None:
    assert cores([0, 1, 2]) == 3
    assert cores() == len(processors.bound())


@pytest.mark.parametrize(
    ("quota", "count"), [("100000 100000", 1), ("250000 100000", 2), ("10000 100000", 1), ("max 100000", 3)]
)
def test_a_containers_quota_counts_as_cores(tree: Path, quota: str, count: int) -> None:
    (tree / "cpu.max").write_text(f"{quota}\n")
    assert cores([0, 1, 2]) == count


class Three(Serial):
    """The first of three ranks, each bound to processors of its own; the third is on another machine."""

    rank, size = 0, 3

    def __init__(self, mine: list[int], second: list[int]) -> None:
        self.processors = [mine, second, [0, 1, 2, 3, 4, 5]]

    def allgather(self, array: np.ndarray) -> np.ndarray:
        if len(array) == 1:
            return np.stack([array, array, array + 1])
        everyone = np.zeros((3, len(array)), dtype=array.dtype)
        for mask, own in zip(everyone, self.processors, strict=True):
            mask[own] = 1
        assert (everyone[0] == array).all()
        return everyone


def test_ranks_bound_to_cores_of_their_own_have_them_together(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails if a rank takes its own cores for all there are, or another machine's ranks for its own."""
    threads_of_cores(tree, "0-1", "0-1", "2-3", "2-3", "4-5", "4-5")
    monkeypatch.setattr(processors, "bound", lambda: [0, 1])
    assert Crew.here(Three([0, 1], [2, 3])) == Crew(ranks=2, threads=1, cores=2)
    assert Crew.here(Three([0, 1], [2, 3, 4, 5])) == Crew(ranks=2, threads=1, cores=3)
    assert Crew.here(Serial(), threads=5) == Crew(ranks=1, threads=5, cores=1)


@pytest.mark.parametrize(("ranks", "count", "each"), [(1, 8, 8), (3, 8, 2), (8, 8, 1), (9, 8, 1), (2, 1, 1)])
def test_threads_fit_the_cores(ranks: int, count: int, each: int) -> None:
    assert processors.fitting(ranks, count) == each


def test_a_crew_says_who_shares_what_and_warns_of_too_many() -> None:
    assert str(Crew(2, 1, 2)) == "2 ranks x 1 thread on 2 cores" and Crew(2, 1, 2).warning == ""
    assert str(Crew(1, 4, 1)) == "1 rank x 4 threads on 1 core"
    assert "4 threads share 2 cores; 1 thread per rank would fit" in Crew(2, 2, 2).warning
    warning = Crew(4, 1, 2).warning
    assert warning.startswith("4 ranks x 1 thread on 2 cores: 4 threads share 2 cores; a rank that waits")
    assert "keeps its core busy" in warning and warning.endswith("over 2 ranks")
