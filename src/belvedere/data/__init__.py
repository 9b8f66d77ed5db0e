"""Labelled picture sets: one :class:`Dataset`, readers and writers of many forms, splits and checks.

Nothing is decoded when a dataset is opened; pictures and masks are read when they are asked for.
"""

from __future__ import annotations

from belvedere.data.annotations import Instance, KeypointLayout, Polygons
from belvedere.data.checks import CheckResult, check
from belvedere.data.convert import FORMS, Conversion, convert
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.masks import BinaryMask, ColorMask, Mask
from belvedere.data.open import TASKS, open_dataset
from belvedere.data.partition import partition
from belvedere.data.record import Record
from belvedere.data.split import k_folds, stratified_split

__all__ = [
    "FORMS",
    "TASKS",
    "BinaryMask",
    "CheckResult",
    "ColorMask",
    "Conversion",
    "Dataset",
    "Instance",
    "KeypointLayout",
    "Mask",
    "Polygons",
    "Problem",
    "Record",
    "check",
    "convert",
    "k_folds",
    "open_dataset",
    "partition",
    "stratified_split",
]
