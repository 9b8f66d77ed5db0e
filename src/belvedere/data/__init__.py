"""Labelled picture sets: one :class:`Dataset`, one reader a format, splits, checks and writers.

Nothing is decoded when a dataset is opened; pictures and masks are read when they are asked for.
"""

from __future__ import annotations

from belvedere.data.checks import CheckResult, check
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.masks import BinaryMask, ColorMask, Mask
from belvedere.data.open import open_dataset
from belvedere.data.record import Record
from belvedere.data.split import k_folds, stratified_split

__all__ = [
    "BinaryMask",
    "CheckResult",
    "ColorMask",
    "Dataset",
    "Mask",
    "Problem",
    "Record",
    "check",
    "k_folds",
    "open_dataset",
    "stratified_split",
]
