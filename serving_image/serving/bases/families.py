"""The kind of base of each family."""

from contracts.base import Architecture
from serving.bases.base import Kind
from serving.bases.unet import UNetBase
from serving.bases.z_image import ZImageBase

KINDS: dict[Architecture, Kind] = {
    "sd1": UNetBase,
    "sd2": UNetBase,
    "sdxl": UNetBase,
    "zimage": ZImageBase,
}
