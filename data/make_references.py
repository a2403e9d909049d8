"""Writes the classical solutions of the held-out samples: `python data/make_references.py` (a few seconds)."""

import os
from pathlib import Path

import numpy as np

import pdekit as pk

HERE = Path(__file__).parent


def main() -> None:
    problem = pk.Poisson(resolution=64, terms=6)
    held_out = problem.held_out(16)
    target, beside = HERE / "poisson-64-held-out.npz", HERE / "beside.npz"
    np.savez_compressed(
        beside,
        indices=np.array(held_out),
        parameters=problem.parameters(held_out),
        solutions=problem.reference(held_out),
    )
    os.replace(beside, target)


if __name__ == "__main__":
    main()
