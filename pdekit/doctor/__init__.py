"""`pdekit doctor`: what of this installation works, what is missing, and the remedy. Starts no MPI itself."""

import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pdekit
from pdekit.doctor import machine, mpi, notebooks
from pdekit.doctor.check import AGAIN, Check

__all__ = ["CHECKS", "Check", "examine", "report"]

CHECKS: dict[str, Callable[[str], Check]] = {
    "Python": machine.check_python,
    "torch": machine.check_torch,
    "cores": machine.check_cores,
    "MPI": mpi.check_mpi,
    "mpiexec": mpi.check_mpiexec,
    "world of 2": mpi.check_world,
    "ports": machine.check_ports,
    "memory": machine.check_memory,
    "disk": machine.check_disk,
    "cluster": notebooks.check_cluster,
    "Jupyter": notebooks.check_jupyter,
    "widgets": notebooks.check_widgets,
}


def report(as_json: bool = False) -> int:
    """Print every check; the exit status: 0 if all that is needed is ok, 1 otherwise."""
    if not as_json:
        print(
            f"pdekit {pdekit.__version__} in {Path(pdekit.__file__).parent}, {platform.platform()}",
            flush=True,
        )
    checks = []
    for check in examine(CHECKS):
        checks.append(check)
        if not as_json:
            print(f"  {check.status:<8} {check.name:<12} {check.found}", flush=True)
            if check.status != "ok":
                print(f"{'':24}-> {check.remedy}", flush=True)
    bad = sum(check.needed and check.status != "ok" for check in checks)
    if as_json:
        print(json.dumps({"ok": bad == 0, "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        print("All that is needed works." if bad == 0 else f"{bad} of {len(checks)} checks need a remedy.")
    return 1 if bad else 0


def examine(checks: dict[str, Callable[[str], Check]]) -> Iterator[Check]:
    """Run each check under its name; one that crashes is reported as broken and the others go on."""
    for name, check in checks.items():
        try:
            yield check(name)
        except Exception as error:
            yield Check(name, "broken", " ".join(f"{type(error).__name__}: {error}".split()), AGAIN)
