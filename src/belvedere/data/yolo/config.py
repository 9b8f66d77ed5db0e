"""What a ``data.yaml`` says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from belvedere.core.errors import DatasetError
from belvedere.data.annotations import KeypointLayout, layout_of
from belvedere.data.yolo.yaml import parse_yaml
from belvedere.tasks.pose.keypoints import COCO_KEYPOINTS, COCO_SKELETON

PARTS = ("train", "val", "test")
MOST_KEYPOINTS = 1000
_MOST_CLASSES = 100_000


@dataclass(frozen=True)
class Config:
    """The settings that say what the files hold.

    Attributes:
        root: The folder that the parts are relative to, as it is written; empty for the file's own.
        parts: Where the pictures of each part are: folders, or text files that list pictures.
        names: Class names by number.
        keypoints: What the keypoints are; None for a dataset of boxes or outlines.
        dimensions: Numbers a keypoint has in the label files: 2 (x, y) or 3 (with visibility).
    """

    root: str
    parts: dict[str, tuple[str, ...]]
    names: tuple[str, ...]
    keypoints: KeypointLayout | None
    dimensions: int


def parse_config(text: str, name: str) -> Config:
    """Read a ``data.yaml``.

    Raises:
        DatasetError: no YAML of the kind that is read, or no usable ``names``; with the line or the key.
    """
    document = parse_yaml(text, name)
    if not isinstance(document, dict):
        raise DatasetError(f"{name}: expected 'key: value' lines with 'names' and 'train' or 'val'")
    parts = {}
    for key, part in (("train", "train"), ("val", "val"), ("valid", "val"), ("validation", "val"), ("test", "test")):
        if document.get(key) is not None and part not in parts:
            parts[part] = _paths(document[key], f"{name}: '{key}'")
    root = document.get("path")
    if root is not None and not isinstance(root, str):
        raise DatasetError(f"{name}: 'path' is {root!r}; expected a folder")
    names = _names(document.get("names"), document.get("nc"), name)
    layout, dimensions = _keypoints(document, name)
    return Config(root or "", parts, names, layout, dimensions)


def _paths(value: Any, where: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) and one.strip() for one in values):
        raise DatasetError(f"{where} is {str(value)[:60]!r}; expected a folder, a text file, or a list of them")
    return tuple(values)


def _names(value: Any, count: Any, name: str) -> tuple[str, ...]:
    if isinstance(value, dict):
        if sorted(value, key=str) != sorted(range(len(value)), key=str):
            raise DatasetError(f"{name}: the numbers in 'names' are not 0, 1, 2, ...; every class needs its name")
        value = [value[number] for number in range(len(value))]
    if value is None and isinstance(count, int) and 0 < count <= _MOST_CLASSES:
        value = [f"class {number}" for number in range(count)]
    if not isinstance(value, list) or not value or len(value) > _MOST_CLASSES:
        raise DatasetError(f"{name}: no 'names' of the classes; expected a list, or numbers with names")
    names = tuple("" if one is None else str(one).lower() if isinstance(one, bool) else str(one) for one in value)
    if not all(one.strip() for one in names) or len(set(names)) != len(names):
        raise DatasetError(f"{name}: 'names' holds an empty name, or one twice: {', '.join(map(repr, names[:12]))}")
    if isinstance(count, int) and count != len(names):
        raise DatasetError(f"{name}: 'nc' is {count}, but there are {len(names)} 'names'")
    return names


def _keypoints(document: dict[Any, Any], name: str) -> tuple[KeypointLayout | None, int]:
    shape = document.get("kpt_shape")
    if shape is None:
        return None, 3
    whole = isinstance(shape, list) and len(shape) == 2 and all(isinstance(one, int) for one in shape)
    if not whole or not 1 <= shape[0] <= MOST_KEYPOINTS or shape[1] not in (2, 3):
        raise DatasetError(f"{name}: 'kpt_shape' is {shape!r}; expected [number of keypoints, 2 or 3]")
    count = shape[0]
    listed = document.get("kpt_names")
    if isinstance(listed, dict):  # by class; all classes of a file have the same shape
        listed = next(iter(listed.values()), None)
    if isinstance(listed, list) and len(listed) == count and len(set(map(str, listed))) == count:
        layout = layout_of(tuple(map(str, listed)), COCO_SKELETON if tuple(listed) == COCO_KEYPOINTS else ())
    elif count == len(COCO_KEYPOINTS) and document.get("flip_idx") in (None, _coco_flip()):
        layout = layout_of(COCO_KEYPOINTS, COCO_SKELETON)
    else:
        layout = layout_of(tuple(f"point {number}" for number in range(1, count + 1)))
    flip = document.get("flip_idx")
    if flip is not None:
        if not isinstance(flip, list) or sorted(map(str, flip)) != sorted(map(str, range(count))):
            raise DatasetError(f"{name}: 'flip_idx' does not hold every number from 0 to {count - 1} once")
        pairs = tuple((place, other) for place, other in enumerate(flip) if place < other)
        layout = KeypointLayout(layout.names, layout.skeleton, layout.sigmas, pairs)
    return layout, shape[1]


def flip_indices(layout: KeypointLayout) -> list[int]:
    """For each keypoint the one that it becomes in a mirrored picture: ``flip_idx``."""
    flipped = list(range(len(layout.names)))
    for first, second in layout.flip:
        flipped[first], flipped[second] = second, first
    return flipped


def _coco_flip() -> list[int]:
    return flip_indices(layout_of(COCO_KEYPOINTS))


def label_path(picture: PurePosixPath) -> PurePosixPath:
    """Where the labels of a picture are: its last folder ``images`` is ``labels``, and the suffix ``.txt``."""
    parts = list(picture.parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return PurePosixPath(*parts).with_suffix(".txt")


def config_text(parts: Sequence[str], names: Sequence[str], layout: KeypointLayout | None) -> str:
    """The text of a ``data.yaml`` for pictures in ``images/<part>``."""
    quoted = {part: json.dumps(f"images/{part}") for part in parts}
    lines = ["# Written by Belvedere. The folders are relative to this file.", "path: ."]
    # Trainers want both; where there is only one part it stands for the other too.
    lines.append(f"train: {quoted.get('train') or next(iter(quoted.values()))}")
    lines.append(f"val: {quoted.get('val') or quoted.get('test') or next(iter(quoted.values()))}")
    if "test" in quoted:
        lines.append(f"test: {quoted['test']}")
    lines += ["names:", *(f"  {number}: {json.dumps(name)}" for number, name in enumerate(names))]
    if layout is not None:
        lines.append(f"kpt_shape: [{len(layout.names)}, 3]")
        lines.append(f"flip_idx: {flip_indices(layout)}")
        lines += ["kpt_names:", "  0:", *(f"    - {json.dumps(name)}" for name in layout.names)]
    return "\n".join(lines) + "\n"
