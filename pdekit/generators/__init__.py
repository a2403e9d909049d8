"""The networks that turn the parameters of a PDE into its solution field."""

from pdekit.generators.unet import UNet

__all__ = ["UNet"]
