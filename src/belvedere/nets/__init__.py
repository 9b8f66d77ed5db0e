"""Torch architectures by name.

The modules are written so that state dicts of the field load into them: their parameters are named as in torchvision
(classifiers, DeepLab) and in the YOLOX project. torch is imported when a network is made.
"""

from belvedere.nets.registry import Architecture, classes_in, create, describe, names

__all__ = ["Architecture", "classes_in", "create", "describe", "names"]
