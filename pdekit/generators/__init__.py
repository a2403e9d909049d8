"""The networks that turn the parameters of a PDE into its solution field.

`NAMES` is the table of all that this room offers by name; a new generator is one file and one line here.
"""

from pdekit.lazy import loader

NAMES = {
    "UNet": "pdekit.generators.unet",
    "EncoderDecoder": "pdekit.generators.encoder_decoder",
    "ResNet": "pdekit.generators.resnet",
    "FNO": "pdekit.generators.fno",
    "Network": "pdekit.generators.network",
}
__all__ = [*sorted(NAMES), "NAMES"]
__getattr__ = loader(__name__, NAMES | {"Generator": "pdekit.generators.generator"})
