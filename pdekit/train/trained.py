"""A generator that was trained elsewhere, or before: loaded from its file, it predicts."""

import hashlib
import os
from pathlib import Path

from pdekit import checks
from pdekit.beside import Place
from pdekit.code import Words
from pdekit.parallel import Comm, Serial
from pdekit.parallel.agree import together
from pdekit.train.experiment import Experiment
from pdekit.train.network import network
from pdekit.train.predictor import Predictor
from pdekit.train.saved import Saved, read


class Trained(Predictor):
    """A trained generator out of a file, made by `pk.load`: predicts as the solver that saved it does.

    It was trained for `steps`, down to the `loss` of the last of them (nan if there was none).
    """

    def __init__(self, saved: Saved, experiment: Experiment, comm: Comm) -> None:
        super().__init__(experiment, network(experiment, comm), comm)
        ours = self.generator.state_dict()
        saved.refuse_other_names(ours)
        for name, tensor in saved.tensors.items():
            came, wanted = (f"{name} {tuple(t.shape)}, {t.dtype}" for t in (tensor, ours[name]))
            if came != wanted:
                raise checks.refuse(saved.path, wanted, Words(came), "save it again")
        self.generator.load_state_dict(saved.tensors)
        self.steps, self.loss = int(saved.notes["steps"]), float(saved.notes["loss"])
        digest = hashlib.sha256(Path(saved.path).read_bytes()).hexdigest()
        self.origin = {"model": os.path.basename(saved.path), "model_sha256": digest}


def load(path: Place, comm: Comm | None = None, code: bool = False) -> Trained:
    """The generator that `solver.save(path)` wrote, on each rank of `comm` (this process alone by default).

    Needs neither a cluster nor MPI. ValueError for a file that is not whole, not one of these, or from a newer pdekit;
    and, without `code=True`, for one with a PDE or a network of somebody's own, whose functions would be run.
    """
    comm = comm or Serial()

    def made() -> Trained:
        saved = read(path)
        return Trained(saved, saved.experiment(code), comm)

    return together(comm, made)
