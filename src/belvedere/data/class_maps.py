"""The class of every pixel of a picture, for semantic segmentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import DatasetError
from belvedere.core.limits import Limits
from belvedere.data.labels import squeeze
from belvedere.data.masks import ColorMask, load_mask

if TYPE_CHECKING:
    from belvedere.data.record import Record

BACKGROUND_WORDS = frozenset({"background", "bg"})
"""Names of the class of pixels that show none of the others, without underscores and in lower case."""

NOT_JUDGED = -1

_VOID = "\0void"


def class_map(record: Record, classes: Sequence[str], width: int, height: int, limits: Limits) -> NDArray[np.int16]:
    """See `belvedere.data.record.Record.class_map`."""
    numbers = {name: number for number, name in enumerate(classes)}
    unmarked = next((number for name, number in numbers.items() if is_background(name)), NOT_JUDGED)
    if record.mask is not None:
        return _from_mask(record, numbers, unmarked, width, height, limits)
    if record.instances is None:
        raise DatasetError(f"{record.name}: has neither a mask nor marked instances, so its pixels have no classes")
    shown = np.full((height, width), unmarked, dtype=np.int16)
    for instance in record.instances:
        try:
            shape = instance.run_lengths(height, width)
        except DatasetError as error:
            raise DatasetError(f"{record.name}: {error}") from error
        if shape is None:
            raise DatasetError(
                f"{record.name}: a '{instance.label}' has a box but no outline, so its pixels are not known"
            )
        number = NOT_JUDGED if instance.crowd else numbers.get(instance.label, NOT_JUDGED)
        shown[shape.to_mask()] = number
    return shown


def is_background(name: str) -> bool:
    """Whether a class of this name stands for all that is none of the others."""
    return squeeze(name) in BACKGROUND_WORDS


def _from_mask(
    record: Record, numbers: Mapping[str, int], unmarked: int, width: int, height: int, limits: Limits
) -> NDArray[np.int16]:
    source = record.mask
    assert source is not None
    if isinstance(source, ColorMask) and source.void:
        void = tuple((_VOID, color) for color in source.void)
        source = replace(source, labels=(*source.labels, *void), void=())
    mask = load_mask(source, width, height, record.name, limits)
    table = np.array([unmarked, *(numbers.get(name, NOT_JUDGED) for name in mask.types)], dtype=np.int16)
    return np.asarray(table[mask.index])
