"""What others do on a machine whose processes are made up, and what ours needed of its memory."""

import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pdekit import processors
from pdekit.measure import busy, host
from pdekit.measure.peak import Peak

Times = namedtuple("Times", "user nice system idle iowait irq softirq steal guest guest_nice")
Process = namedtuple("Process", "user system")


class Fake:
    """A psutil: seconds of processors, in all and of each process, as they are set."""

    def __init__(self) -> None:
        self.times = Times(*[0.0] * 10)
        self.spent: dict[tuple[int, float, str], float] = {}

    def cpu_times(self) -> Times:
        return self.times

    def process_iter(self, wanted: list[str]) -> list[SimpleNamespace]:
        assert set(wanted) == {"pid", "create_time", "name", "cpu_times"}
        return [
            SimpleNamespace(
                info={"pid": p, "create_time": c, "name": n, "cpu_times": Process(0.75 * s, 0.25 * s)}
            )
            for (p, c, n), s in self.spent.items()
        ]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fake:
    made = Fake()
    monkeypatch.setitem(sys.modules, "psutil", made)
    monkeypatch.setattr(busy, "THROTTLED", tmp_path / "cpu.stat")
    monkeypatch.setattr(processors, "SYSTEM", tmp_path)
    made.now = 100.0
    monkeypatch.setattr(busy.time, "monotonic", lambda: made.now)
    return made


def test_others_are_all_but_ours(machine: Fake, tmp_path: Path) -> None:
    """10 s: in all 14 s of work, ours 9; two of the others are called cc1, one of them new; 1 s stolen, 0.5 held back.
    Two cores were hot before, and one of them is five times more.

    Fails if a process that has another's old number is taken for it, if a guest's time counts twice, or idle as work.
    """
    machine.spent = {(1, 0.5, "python"): 50.0, (2, 0.5, "cc1"): 7.0, (9, 0.1, "old"): 90.0}
    (tmp_path / "cpu.stat").write_text("usage_usec 9\nthrottled_usec 1000000\n")
    for cpu in (0, 1):
        (tmp_path / f"cpu{cpu}" / "thermal_throttle").mkdir(parents=True)
        (tmp_path / f"cpu{cpu}" / "thermal_throttle" / "core_throttle_count").write_text("40\n")
    watch = busy.Watch([1])
    (tmp_path / "cpu1" / "thermal_throttle" / "core_throttle_count").write_text("45\n")
    machine.now += 10
    machine.times = Times(10.0, 1.0, 2.0, 5.0, 2.0, 0.5, 0.5, 1.0, 3.0, 0.0)
    machine.spent = {
        (1, 0.5, "python"): 59.0,
        (2, 0.5, "cc1"): 8.0,
        (3, 9.9, "cc1"): 2.0,
        (9, 8.8, "new"): 0.5,
    }
    (tmp_path / "cpu.stat").write_text("usage_usec 9\nthrottled_usec 1500000\n")
    assert watch.reading() == {
        "seconds": 10.0, "others": 0.5, "stolen": 0.1, "throttled": 0.05, "hot": 5, "who": {"cc1": 0.3, "new": 0.05}
    }  # fmt: skip
    machine.now += 5
    assert watch.reading() == {
        "seconds": 5.0,
        "others": 0.0,
        "stolen": 0.0,
        "throttled": 0.0,
        "hot": 0,
        "who": {},
    }


def test_nobody_looks_for_nobody_or_without_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    assert busy.watch([]) is None
    monkeypatch.setattr(busy.importlib.util, "find_spec", lambda name: None)
    assert busy.watch([1]) is None


def test_a_machine_is_described_from_what_the_system_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two cores of two threads on two sockets, one of them saving power."""
    for cpu, (siblings, socket, governor) in enumerate(
        [
            ("0,2", "0", "performance"),
            ("1,3", "1", "powersave"),
            ("0,2", "0", "performance"),
            ("1,3", "1", "powersave"),
        ]
    ):
        files = {
            "topology/thread_siblings_list": siblings,
            "topology/physical_package_id": socket,
            "cpufreq/scaling_governor": governor,
            "cache/index0/level": "1",
            "cache/index0/type": "Data",
            "cache/index0/size": "48K",
            "cache/index1/level": "2",
            "cache/index1/type": "Unified",
            "cache/index1/size": "2M",
        }
        for name, text in files.items():
            path = tmp_path / f"cpu{cpu}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "cpuinfo").write_text(
        "processor\t: 0\nmodel name\t: Fast 9000\nflags\t\t: fpu hypervisor\n\n"
    )
    monkeypatch.setattr(processors, "SYSTEM", tmp_path)
    monkeypatch.setattr(processors, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(processors, "bound", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(host, "CPUINFO", tmp_path / "cpuinfo")
    found = host.describe()
    expected = {
        "model": "Fast 9000", "virtual": True, "sockets": 2, "cores": ["0,2", "1,3"], "processors": 4, "quota": 1.5,
        "governors": ["performance", "powersave"], "caches": {"L1d": "48K", "L2": "2M"},
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert 0 < found["clock"] < 1e-3 and found["memory"] > 1e8


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell the peak of a part")
def test_a_peak_is_that_of_its_own_piece() -> None:
    """64 MB. Fails if what was needed before counts, or if what was freed meanwhile does not."""
    size = 2**26
    first = Peak()
    before = first.bytes
    np.ones(size // 8).sum()
    assert first.bytes - before == pytest.approx(size, rel=0.2)
    second = Peak()
    assert second.bytes - before < size / 2
