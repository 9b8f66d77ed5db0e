"""Field conditions that make deployed models fail, as graded, repeatable transformations of pictures and truths.

Three groups: ``lighting``, ``resolution`` and ``distortion``; `KINDS` has every one with its levels.

Example:
    >>> from belvedere.data.transformations import Transformation
    >>> shadow = Transformation("shadow", level=3, seed=0)
    >>> image, instances = shadow.apply(image, instances, picture="street.jpg")  # doctest: +SKIP
"""

from belvedere.data.transformations.catalogue import KINDS, LEVELS, Kind
from belvedere.data.transformations.following import LEAST_VISIBLE, follow
from belvedere.data.transformations.records import TransformedRecord, transformed
from belvedere.data.transformations.transformation import Transformation
from belvedere.data.transformations.warps import Lens, Perspective, Window

__all__ = [
    "KINDS",
    "LEAST_VISIBLE",
    "LEVELS",
    "Kind",
    "Lens",
    "Perspective",
    "Transformation",
    "TransformedRecord",
    "Window",
    "follow",
    "transformed",
]
