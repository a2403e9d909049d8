"""Transfer: a run that starts from a trained generator, and parts of one that are not trained."""

import os
import warnings

from torch import Tensor, nn

from pdekit import checks, launched
from pdekit.code import Words
from pdekit.parallel import Build, Comm, Serial
from pdekit.train.experiment import Experiment
from pdekit.train.network import network
from pdekit.train.saved import Saved, read
from pdekit.train.text import parse

BODY = "body."  # of the library's generators: all but the last layer; left out in names of parts


def builder(experiment: Experiment) -> Build:
    """What makes the network of `experiment` as it starts: fresh, or with the numbers of the file `start`.

    The file may come from another grid or problem. Where the numbers of channels or outputs differ, the first or the
    last layer starts fresh, with a warning. ValueError for a file that does not fit in any other way, and, when the
    network is made, for a name in `frozen` that is none of its parts.
    """
    taken = {} if experiment.start is None else _taken(experiment, read(experiment.start))

    def build(comm: Comm) -> nn.Module:
        module = network(experiment, comm)
        module.load_state_dict(taken, strict=False)
        for part in parts(module, experiment.frozen):
            part.requires_grad_(False)
        if not any(p.requires_grad for p in module.parameters()):
            remedy = "leave one of them out"
            raise checks.refuse("frozen", "parts that leave something to train", experiment.frozen, remedy)
        return module

    return build


class Mode:
    """How `module` is while it is trained: batch norms take the batch's statistics, dropouts drop, but in `frozen`."""

    def __init__(self, module: nn.Module, frozen: tuple[str, ...]) -> None:
        self.module, self.frozen = module, parts(module, frozen)
        held = {id(one) for part in self.frozen for one in part.modules()}
        self.wanted = [(one, id(one) not in held) for one in module.modules()]

    def train(self) -> None:
        """Ready for a step."""
        if any(one.training != wanted for one, wanted in self.wanted):  # to set them takes 1 % of a step
            self.module.train()
            for part in self.frozen:
                part.eval()


def parts(module: nn.Module, names: tuple[str, ...]) -> list[nn.Module]:
    """The sub-modules called `names`; ValueError, with what there is, for a name of none that has parameters."""
    known = {name: part for name, part in module.named_modules() if any(True for _ in part.parameters())}
    found = [known.get(name) or known.get(BODY + name) for name in names]
    if None in found:
        there = [name.removeprefix(BODY) for name in known if name not in ("", BODY[:-1])]
        expected = f"parts of its network, such as {', '.join(one for one in there if one.count('.') < 2)}"
        wrong = names[found.index(None)]
        raise checks.refuse("frozen", expected, wrong, "name some of these, or parts of them")
    return found


def _taken(experiment: Experiment, saved: Saved) -> dict[str, Tensor]:
    """The tensors of `saved` that the network starts with; a warning names those it does not."""
    _refuse_other_recipe(experiment, saved)
    ours = network(experiment, Serial()).state_dict()
    saved.refuse_other_names(ours)
    names = list(ours)
    ends, fresh = {_layer(names[0]), _layer(names[-1])}, []
    for name in names:
        its, wanted = tuple(saved.tensors[name].shape), tuple(ours[name].shape)
        if its == wanted:
            continue
        if _layer(name) not in ends:
            remedy = "only the first and the last layer may start fresh"
            raise checks.refuse(saved.path, f"{name} {wanted}", Words(f"{name} {its}"), remedy)
        fresh.append((name, its, wanted))
    if fresh and launched.rank() == 0:
        told = ", ".join(f"{name} ({its} there, {wanted} here)" for name, its, wanted in fresh)
        message = f"start: {os.path.basename(saved.path)} was trained with other channels or outputs"
        warnings.warn(f"{message}: {told} starts fresh", stacklevel=4)  # shows the line that makes the solver
    again = {_layer(name) for name, _, _ in fresh}
    return {name: tensor for name, tensor in saved.tensors.items() if _layer(name) not in again}


def _refuse_other_recipe(experiment: Experiment, saved: Saved) -> None:
    """ValueError unless the file's generator is that of `experiment`, on grids of as many axes."""
    ours, its = experiment.generator.bare, saved.notes["generator"]
    same = its == repr(ours)
    if not same and its.startswith(f"{type(ours).__name__}(") and not getattr(ours, "runs_code", False):
        same = parse(its, code=False) == ours  # an older text leaves out what is newer
    dim = experiment.problem.dim
    if not same or saved.notes["dim"] != str(dim):
        got = Words(f"{its} on grids of {saved.notes['dim']}")
        remedy = "take the generator of the file, or leave start out"
        raise checks.refuse(saved.path, f"{ours} on grids of {dim} axes", got, remedy)


def _layer(name: str) -> str:
    """The layer that has the tensor `name`."""
    return name.rpartition(".")[0]
