"""Results for other packages: what all tasks need for it."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from belvedere.core.errors import DatasetError, MissingExtraError, OptionError
from belvedere.tasks.label_sets import label_set

CategoryIds = Sequence[int] | Mapping[int, int]
"""Class number to the id of a category in a COCO file."""

MOST_ROWS = 100_000


def supervision_package() -> Any:
    """The package ``supervision``. Raises MissingExtraError: it is not installed."""
    try:
        return importlib.import_module("supervision")
    except ImportError:
        raise MissingExtraError("to_supervision()", "supervision") from None


def coco_category_ids(labels: Sequence[str]) -> tuple[int, ...]:
    """The ids (1 to 90) that COCO's own annotation files give to classes of these names.

    Raises:
        OptionError: a name is none of COCO's.
    """
    own = {label: number for number, label in enumerate(label_set("coco90"), start=1) if label != "???"}
    missing = [label for label in labels if label not in own]
    if missing:
        raise OptionError(f"{missing[0]!r} is no class of COCO: give category_ids for each class")
    return tuple(own[label] for label in labels)


def category_of(class_id: int, ids: CategoryIds | None) -> int:
    """The category id of a class; without ``ids`` its own number. Raises OptionError: it has none."""
    if ids is None:
        return class_id
    try:
        return int(ids[class_id])
    except (KeyError, IndexError):
        raise OptionError(f"category_ids has no id for class {class_id}: it has {len(ids)} ids") from None


def classes_by_category(ids: CategoryIds | None) -> dict[int, int] | None:
    """Category id to class number; None where they are the same. Raises OptionError: an id is there twice."""
    if ids is None:
        return None
    pairs = ids.items() if isinstance(ids, Mapping) else enumerate(ids)
    found = {int(category): int(number) for number, category in pairs}
    if len(found) != len(ids):
        raise OptionError("category_ids gives one id to two classes: expected different ones")
    return found


def class_of(row: Mapping[str, Any], where: str, by_category: Mapping[int, int] | None) -> int:
    """The class number of a COCO row. Raises DatasetError: its category is missing or unknown."""
    category = row.get("category_id")
    if not isinstance(category, int) or isinstance(category, bool) or category < 0:
        raise DatasetError(f"{where}: category_id is {category!r}: expected a whole number")
    if by_category is None:
        return category
    if category not in by_category:
        raise DatasetError(f"{where}: unknown category_id {category}: expected one of {sorted(by_category)[:12]}")
    return by_category[category]


def rows_of_image(rows: Sequence[Mapping[str, Any]], image_id: int | str | None) -> list[tuple[str, Mapping[str, Any]]]:
    """The rows of one picture, each with words that say where it is.

    Raises:
        DatasetError: more than 100,000 rows, or one that is no object.
    """
    if len(rows) > MOST_ROWS:
        raise DatasetError(f"{len(rows)} COCO rows for one picture: expected at most {MOST_ROWS}")
    found = []
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise DatasetError(f"COCO row {number}: expected an object, not {type(row).__name__}")
        if image_id is None or row.get("image_id") == image_id:
            found.append((f"COCO row {number}", row))
    return found


def numbers_of(row: Mapping[str, Any], key: str, where: str, count: int) -> list[float]:
    """``count`` finite numbers of a row. Raises DatasetError."""
    values = row.get(key)
    fits = isinstance(values, Sequence) and not isinstance(values, str) and len(values) == count
    if not fits or not all(_is_number(value) for value in values):  # type: ignore[union-attr]
        raise DatasetError(f"{where}: {key} is {str(values)[:80]}: expected {count} finite numbers")
    return [float(value) for value in values]  # type: ignore[union-attr]


def score_of(row: Mapping[str, Any], where: str) -> float:
    """The score of a row. Raises DatasetError: there is none, or no finite number."""
    score = row.get("score")
    if not _is_number(score):
        raise DatasetError(f"{where}: score is {score!r}: expected a finite number")
    return float(score)  # type: ignore[arg-type]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
