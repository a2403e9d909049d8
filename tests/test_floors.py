"""The house keeps its floors: who may import whom, read from the import statements, and what really gets loaded."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pdekit"
HEAVY = {"torch", "mpi4py", "ipyparallel", "plotly", "ipywidgets"}
ROOMS = {"pde", "generators", "optim", "parallel", "train", "scaling", "measure", "cluster", "views"}
MAY_IMPORT = {  # room -> (rooms, heavy dependencies) that its modules may import, at the top or inside a function
    "pde": (set(), {"torch"}),
    "generators": (set(), {"torch"}),
    "optim": (set(), {"torch"}),
    "parallel": (set(), {"torch"}),
    "train": ({"pde", "generators", "optim", "parallel"}, {"torch"}),
    "scaling": (set(), set()),
    "measure": ({"pde", "generators", "optim", "parallel", "train", "scaling"}, {"torch"}),
    "cluster": (set(), {"ipyparallel"}),
    "views": ({"pde", "train", "cluster", "scaling"}, {"plotly", "ipywidgets"}),
}
DOORS = {  # the few files that may do more
    "measure/command.py": ({"cluster"}, set()),
    "parallel/comm.py": (set(), {"mpi4py"}),
    "cluster/engine.py": ({"train", "parallel"}, {"torch"}),
    "cluster/scale.py": ({"measure", "scaling"}, set()),
    "cluster/turns.py": ({"measure", "scaling"}, set()),
}


def imported(file: Path) -> set[str]:
    """Dotted names of everything that `file` imports, unless only for type checking."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms_and_heavy(names: set[str]) -> tuple[set[str], set[str]]:
    parts = [name.split(".") for name in names]
    rooms = {p[1] for p in parts if p[0] == "pdekit" and len(p) > 1 and p[1] in ROOMS}
    return rooms, {p[0] for p in parts} & HEAVY


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_file_imports_only_what_its_floor_allows(file: Path) -> None:
    """Fails, for instance, with `import torch` in views/ or `from pdekit.train import Solver` in pde/."""
    relative = file.relative_to(PACKAGE)
    room = relative.parts[0]
    if room not in ROOMS:
        return
    rooms, heavy = rooms_and_heavy(imported(file))
    more_rooms, more_heavy = DOORS.get(relative.as_posix(), (set(), set()))
    assert rooms <= MAY_IMPORT[room][0] | more_rooms | {room}
    assert heavy <= MAY_IMPORT[room][1] | more_heavy


def test_every_room_has_a_floor() -> None:
    assert {f.parent.name for f in PACKAGE.glob("*/__init__.py")} - {"doctor", "lessons"} == ROOMS


def loaded_after(code: str) -> set[str]:
    """Names of the modules loaded in a fresh interpreter that has run `code`."""
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    return set(done.stdout.split())


def test_a_notebook_kernel_never_loads_mpi() -> None:
    loaded = loaded_after(
        "import pdekit as pk; pk.Poisson, pk.Experiment, pk.Solver, pk.Cluster, pk.plot_fields, pk.Dashboard, pk.Plan()"
    )
    assert "mpi4py.MPI" not in loaded


def test_an_engine_never_loads_a_widget_or_a_figure() -> None:
    loaded = loaded_after(
        "import pdekit.cluster.engine, pdekit.train; import pdekit as pk; pk.World(); pk.Solver"
    )
    assert not {name.split(".")[0] for name in loaded} & {"plotly", "ipywidgets"}
    assert "mpi4py.MPI" in loaded


def test_the_package_itself_loads_nothing_heavy() -> None:
    assert not {name.split(".")[0] for name in loaded_after("import pdekit")} & (HEAVY | {"numpy", "scipy"})


def test_every_public_name_is_there_and_documented() -> None:
    import pdekit as pk

    for name in pk.__all__:
        assert getattr(pk, name).__doc__, name
    with pytest.raises(AttributeError, match="pdekit has no public name 'Possion'"):
        _ = pk.Possion
