"""Feature networks that trainers build on: the bundled one, and larger ones from the hub by name."""

from belvedere.training.backbones.bundled import BUNDLED, DEFAULT_BACKBONE, bundled_backbone
from belvedere.training.backbones.value import Backbone

__all__ = ["BUNDLED", "DEFAULT_BACKBONE", "Backbone", "bundled_backbone"]
