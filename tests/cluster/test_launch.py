"""Settings are checked before anything runs."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import pdekit as pk
from pdekit.cluster import launch, processes


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ranks": 0}, "ranks: expected a whole number, at least 1, got 0"),
        ({"ranks": 2.5}, "ranks: expected a whole number, at least 1, got 2.5"),
        ({"ranks": True}, "ranks: expected a whole number"),
        ({"threads": 0}, "threads: expected a whole number, at least 1, got 0"),
        ({"threads": "2"}, "threads: expected a whole number"),
        ({"launcher": "slurm"}, "launcher: expected one of 'local', got 'slurm'"),
        ({"encrypted": "no"}, "encrypted: expected True or False, got 'no'"),
        ({"timeout": 0}, "timeout: expected a finite number above 0, got 0"),
        ({"call_timeout": -1}, "call_timeout: expected a finite number above 0, got -1"),
        (
            {"mpiexec": "/nowhere/mpiexec"},
            "mpiexec: expected a program that can be run, got '/nowhere/mpiexec'",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pk.Cluster(**settings)


def test_without_any_mpiexec_the_message_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PDEKIT_MPIEXEC", raising=False)
    with pytest.raises(
        ValueError, match=r"mpiexec: expected one at .* or on PATH, got None; pip install mpich"
    ):
        pk.Cluster()


def test_mpiexec_is_the_one_asked_for_then_the_environments_then_the_one_on_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = ("asked", "variable", "own", "path")
    made = {name: program(tmp_path / name / "mpiexec") for name in names}
    monkeypatch.setenv("PATH", str(made["path"].parent))
    monkeypatch.setattr(sys, "executable", str(made["own"].parent / "python"))
    monkeypatch.setenv("PDEKIT_MPIEXEC", f"{made['variable']} --bind-to none")
    assert launch.find_mpiexec(str(made["asked"])) == (str(made["asked"]),)
    assert launch.find_mpiexec() == (str(made["variable"]), "--bind-to", "none")
    monkeypatch.delenv("PDEKIT_MPIEXEC")
    assert launch.find_mpiexec() == (str(made["own"]),)
    made["own"].unlink()
    assert launch.find_mpiexec() == (str(made["path"]),)


def program(path: Path) -> Path:
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(stat.S_IRWXU)
    return path


def test_threads_fit_the_cores_if_left_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "cores", lambda: 8)
    assert [pk.Cluster(ranks, threads=None).threads for ranks in (1, 3, 8, 9)] == [8, 2, 1, 1]


def test_more_threads_than_cores_are_allowed_and_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "cores", lambda: 2)
    assert pk.Cluster(ranks=2).warning == ""
    assert "4 ranks x 1 thread on 2 cores" in pk.Cluster(ranks=4).warning
    assert "1 thread per rank would fit" in pk.Cluster(ranks=2, threads=2).warning


def test_engines_get_their_threads_and_nothing_of_another_mpi_job(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    monkeypatch.setenv("PMI_RANK", "3")
    monkeypatch.setenv("IPP_CLUSTER_ID", "other")
    monkeypatch.setenv("UCX_TLS", "tcp,self")
    given = pk.Cluster(ranks=1, threads=2).plan.environment(tmp_path)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY", "UCX_TLS")
    assert [given[name] for name in names] == ["2", "2", "2", "passive", "tcp,self"]
    assert "PMI_RANK" not in given and "IPP_CLUSTER_ID" not in given
    monkeypatch.delenv("UCX_TLS")
    assert pk.Cluster(ranks=1).plan.environment(tmp_path)["UCX_TLS"] == "sm,self"


def test_a_cluster_prints_what_it_is() -> None:
    words = repr(pk.Cluster(ranks=1))
    assert words.startswith("<Cluster stopped: 1 rank x 1 thread on ")
    assert os.path.basename(launch.find_mpiexec()[0]) in words


def test_a_controller_that_cannot_be_started_leaves_no_engines_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Fails where only the first of the two starts is guarded."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    start, started = processes.Processes._start, []

    def second_fails(self: processes.Processes, role: str, *options: str) -> subprocess.Popen[bytes]:
        if role == "controller":
            raise OSError("out of processes")
        started.append(start(self, role, *options))
        return started[-1]

    monkeypatch.setattr(processes.Processes, "_start", second_fails)
    with pytest.raises(pk.ClusterError, match="out of processes; `pdekit doctor`"):
        pk.Cluster(ranks=1).start()
    assert started[0].poll() is not None and not list(tmp_path.iterdir())
