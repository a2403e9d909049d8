"""The library's layers in the place of torch's, in a module of the user's."""

from torch import nn

from pdekit import checks
from pdekit.code import Words
from pdekit.generators.dropout import Dropout
from pdekit.generators.generator import NormLayer

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
OF_CHANNELS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
OTHER_NOISE = (nn.AlphaDropout, nn.FeatureAlphaDropout, nn.RReLU)


def adapted(module: nn.Module, norm_layer: NormLayer | None = None) -> tuple[nn.Module, list[str]]:
    """`module` with other batch norms and dropouts, in place, and the names of the batch norms.

    Batch norms are made by `norm_layer(channels)` and keep their settings and numbers; without it they stay.
    ValueError for a layer that would make the losses depend on the number of ranks, and has no replacement.
    """
    whole = nn.Sequential(module)  # so that the module itself may be one of these
    made: dict[nn.Module, nn.Module] = {}  # a layer that is used twice is replaced by one
    norms = []
    for path, parent in list(whole.named_modules()):
        for key, layer in list(parent._modules.items()):
            name = f"{path}.{key}".partition(".")[2] or type(layer).__name__
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                _refuse_norm(name, layer)
                norms.append(name)
                if norm_layer is not None and layer not in made:
                    made[layer] = _like(layer, norm_layer)
            elif isinstance(layer, (nn.Dropout, *OF_CHANNELS)) and layer not in made:
                made[layer] = Dropout(layer.p, channels=isinstance(layer, OF_CHANNELS))
            elif isinstance(layer, OTHER_NOISE):
                got = Words(f"{name} = {layer}")
                raise checks.refuse(
                    "network", "nn.Dropout, or one of whole channels", got, "take one of these"
                )
            if layer in made:
                setattr(parent, key, made[layer])
    return whole[0], norms


def _refuse_norm(name: str, layer: nn.Module) -> None:
    """ValueError for a batch norm that cannot be computed over all ranks."""
    plain = type(layer) in BATCH_NORMS
    if not (plain and layer.affine and layer.track_running_stats and layer.momentum is not None):
        expected = "nn.BatchNorm1d, 2d or 3d, affine, with running statistics and a momentum"
        remedy = "it is replaced by one over all ranks, which has these"
        raise checks.refuse("network", expected, Words(f"{name} = {layer}"), remedy)


def _like(layer: nn.Module, norm_layer: NormLayer) -> nn.Module:
    """A norm made by `norm_layer`, with the settings and numbers of `layer`."""
    made = norm_layer(layer.num_features)
    made.eps, made.momentum = layer.eps, layer.momentum
    state = {name: value for name, value in layer.state_dict().items() if name != "num_batches_tracked"}
    made.load_state_dict(state, strict=False)  # torch's own also counts batches
    return made
