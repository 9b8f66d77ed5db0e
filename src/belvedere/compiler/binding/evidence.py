"""Whether numbers are scores of classes, where their shape alone does not tell."""

from __future__ import annotations

from belvedere.compiler.binding.borders import by_name
from belvedere.compiler.binding.facts import Facts
from belvedere.compiler.importing import Port

_MAKERS = ("Softmax", "SoftMax", "LogSoftmax")
_NAMES = ("prob", "probs", "probability", "probabilities", "softmax")

OF_PICTURES = frozenset((10, 100, 365, 1000, 1001, 11821, 21841, 21843))
"""Numbers of classes of published classifiers: MNIST and CIFAR-10, CIFAR-100, Places365, ImageNet-1k without and with a
background class, and the three subsets of ImageNet-21k that networks are published for. Lengths that embeddings and
landmarks have too (64, 128, 136, 196, 200, 256, 512, ...) are left out; ten numbers may be five points of a face, but
nearly always are digits or CIFAR-10."""

OF_PIXELS = frozenset((19, 20, 21, 59, 60, 150, 151, 171, 182))
"""The same for semantic segmentation: Cityscapes, LIP, Pascal VOC, Pascal Context without and with background, ADE20K
without and with, COCO-Stuff's two."""


_ENLARGING = ("Resize", "Upsample", "Interpolate")
_COLOURS = 4


def scores_of_classes(port: Port, classes: int, facts: Facts) -> bool:
    """Whether a row of numbers about a picture is one per class, and no features.

    It is where it ends in a softmax, where its maker calls it probabilities, or where published networks have as many
    classes.

    Args:
        port: The output.
        classes: How many numbers it has.
        facts: What the graph tells.
    """
    return _said(port, facts) or classes in OF_PICTURES


def maps_of_classes(port: Port, classes: int, facts: Facts) -> bool:
    """The same for maps in the size of the picture.

    Fully convolutional networks (Long et al. 2015) besides enlarge their maps of classes as their last step, where
    networks that make pictures or features convolve; as many maps as colours may be a picture in any case.
    """
    enlarged = facts.makers.get(port.name) in _ENLARGING and classes > _COLOURS
    return _said(port, facts) or enlarged or classes in OF_PIXELS


def _said(port: Port, facts: Facts) -> bool:
    name = next(iter(by_name([port]))).lower()
    return facts.makers.get(port.name) in _MAKERS or name in _NAMES
