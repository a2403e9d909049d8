"""What the MPI launcher told this process, read from the environment without starting MPI."""

import os

# Hydra (mpich, Intel MPI), Open MPI, Slurm's srun. Slurm's batch script itself has a rank but no tasks.
LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
)


def world() -> tuple[int, int] | None:
    """(rank, size) as the launcher set them; None for a process that no launcher started."""
    for rank, size in LAUNCHERS:
        if rank in os.environ and size in os.environ:
            return int(os.environ[rank]), int(os.environ[size])
    return None


def rank() -> int:
    """This process's rank, 0 for one that no launcher started."""
    return (world() or (0, 1))[0]
