"""Instances from masks: every patch of pixels that hang together is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.annotations import Instance
from belvedere.data.dataset import Dataset
from belvedere.data.masks import Mask
from belvedere.data.record import Record
from belvedere.data.statistics import size_of
from belvedere.vision.rle import encode


def with_instances(dataset: Dataset, limits: Limits = DEFAULT_LIMITS) -> Dataset:
    """The dataset with instances where its pictures have masks, or are normal: nothing is marked on those.

    Pictures that have instances keep them. Anomalous pictures without a mask stay without.

    Raises:
        DatasetError: a mask cannot be used.
        ImageError: a picture cannot be read.
        LimitError: over a limit.
    """
    records = tuple(_with_instances(record, limits) for record in dataset.records)
    classes = dataset.classes or dataset.types
    return replace(dataset, records=records, classes=classes)


def instances_of(mask: Mask) -> tuple[Instance, ...]:
    """The patches of a mask, type by type, from the top: pixels that touch, also at corners, belong together."""
    from scipy import ndimage

    instances = []
    for number, name in enumerate(mask.types, 1):
        patches, _ = ndimage.label(mask.index == number, structure=np.ones((3, 3), dtype=int))
        for patch, place in enumerate(ndimage.find_objects(patches), 1):
            rows, columns = place
            inside = np.zeros(mask.index.shape, dtype=bool)
            inside[place] = patches[place] == patch
            box = (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
            instances.append(Instance(name, box, encode(inside)))
    return tuple(instances)


def _with_instances(record: Record, limits: Limits) -> Record:
    if record.instances is not None:
        return record
    if record.mask is not None:
        mask = record.load_mask(*size_of(record, limits), limits)
        return record if mask is None else replace(record, instances=instances_of(mask))
    return replace(record, instances=()) if record.label == "normal" else record
