"""What is started and with which settings: checked here, before anything runs."""

import os
import secrets
import shlex
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from pdekit import checks
from pdekit.processors import Crew, cores, fitting

LAUNCHERS = ("local",)
# What another MPI job or another cluster, in which we may be running, told its own processes; not settings.
FOREIGN = ("PMI_", "PMIX_", "OMPI_COMM_", "PRTE_", "SLURM_", "IPP_")


@dataclass(frozen=True)
class Plan:
    """A cluster's settings. ValueError says which one cannot work, and why."""

    ranks: int
    threads: int
    cores: int
    mpiexec: tuple[str, ...]
    encrypted: bool
    timeout: float

    @classmethod
    def checked(
        cls,
        ranks: int,
        threads: int | None,
        launcher: str,
        encrypted: bool,
        timeout: float,
        mpiexec: str | None,
    ) -> "Plan":
        """`threads` None: as many as fit the cores. `mpiexec` None: see `find_mpiexec`."""
        checks.whole("ranks", ranks)
        checks.one_of("launcher", launcher, LAUNCHERS)
        if not isinstance(encrypted, bool):
            raise checks.refuse("encrypted", "True or False", encrypted, "leave it out to encrypt")
        made = cls(
            ranks=ranks,
            threads=1,
            cores=cores(),
            mpiexec=find_mpiexec(mpiexec),
            encrypted=encrypted,
            timeout=checks.positive("timeout", timeout),
        )
        return made.with_threads(threads)

    def with_threads(self, threads: int | None) -> "Plan":
        """The same with so many threads for each rank; None: as many as fit the cores."""
        wanted = fitting(self.ranks, self.cores) if threads is None else checks.whole("threads", threads)
        return replace(self, threads=wanted)

    @property
    def crew(self) -> Crew:
        """Ranks, threads and cores."""
        return Crew(self.ranks, self.threads, self.cores)

    @property
    def warning(self) -> str:
        """Empty while every thread has a core of its own."""
        return self.crew.warning

    def __str__(self) -> str:
        return str(self.crew)

    def environment(self, folder: Path) -> dict[str, str]:
        """The environment of controller and engines."""
        threads = str(self.threads)
        given = {
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "OMP_WAIT_POLICY": "passive",  # spinning threads took 40 times as long on busy cores
            "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path),  # engines find what we find
            "IPYTHONDIR": str(folder),
            "IPP_SESSION_KEY": secrets.token_hex(32),  # messages are signed, also where they are encrypted
        }
        return mpi_environment() | given


def mpi_environment() -> dict[str, str]:
    """The environment of processes on this machine that mpiexec starts.

    It is ours, less what another MPI job in which we may be running told its own processes, plus what keeps MPI on
    this machine, and more ranks than cores possible, unless the user said otherwise.
    """
    mine = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN) or "_MCA_" in k}
    loopback = {"HYDRA_IFACE": "lo"} if sys.platform == "linux" else {}
    usual = {
        "HYDRA_LAUNCHER": "fork",
        "HYDRA_RMK": "user",
        "UCX_TLS": "sm,self",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        "OMPI_MCA_hwloc_base_binding_policy": "none",
        "PRTE_MCA_hwloc_default_binding_policy": "none",
    }
    return loopback | usual | mine


def find_mpiexec(wanted: str | None = None) -> tuple[str, ...]:
    """The launcher's command: `wanted`, else $PDEKIT_MPIEXEC, this environment's, or the one on PATH."""
    for name, given in (("mpiexec", wanted), ("PDEKIT_MPIEXEC", os.environ.get("PDEKIT_MPIEXEC"))):
        if given:
            command = shlex.split(given)
            path = shutil.which(command[0])
            if path is None:
                raise checks.refuse(
                    name, "a program that can be run", given, "give the path of your MPI's mpiexec"
                )
            return (os.path.abspath(path), *command[1:])
    own = Path(sys.executable).parent / "mpiexec"  # not resolved: a virtual environment links its Python
    path = shutil.which(own) or shutil.which("mpiexec")
    if path is None:
        remedy = "pip install mpich, load your site's MPI, or set PDEKIT_MPIEXEC to its path"
        raise checks.refuse("mpiexec", f"one at {own} or on PATH", None, remedy)
    return (os.path.abspath(path),)
