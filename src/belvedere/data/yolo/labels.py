"""Label files of YOLO: one line a thing, the class number first, then shares of the picture's width and height."""

from __future__ import annotations

import math

import numpy as np

from belvedere.data.annotations import BoxXYXY, Instance
from belvedere.data.findings import Findings
from belvedere.data.fitting import Size, fit_box, fit_keypoints, fit_polygons
from belvedere.data.yolo.config import Config

LONGEST_LINE = 1_000_000
MOST_LINES = 100_000


def parse_labels(text: str, name: str, config: Config, size: Size, found: Findings) -> tuple[Instance, ...]:
    """Read a label file.

    A line is ``class x y width height`` (the box's centre and size), with keypoints behind it where the config has
    them, or ``class x y x y ...`` with three or more corners; four numbers are always a box. Lines that
    cannot be used are noted.

    Args:
        text: The file.
        name: What messages call it.
        config: The dataset's settings.
        size: Width and height of the picture in pixels.
        found: Gathers what is wrong.
    """
    instances = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        where = f"{name}:{number}"
        if number > MOST_LINES or len(line) > LONGEST_LINE:
            found.add(where, f"more than {MOST_LINES} lines, or one of more than {LONGEST_LINE} characters; left out")
            break
        instance = _parse_line(line.split(), config, size, where, found)
        if instance is not None:
            instances.append(instance)
    return tuple(instances)


def _parse_line(cells: list[str], config: Config, size: Size, where: str, found: Findings) -> Instance | None:
    try:
        number, values = float(cells[0]), [float(cell) for cell in cells[1:]]
    except ValueError:
        found.add(where, f"'{' '.join(cells)[:40]}' is not a row of numbers; left out")
        return None
    if not math.isfinite(number) or number != int(number) or not 0 <= number < len(config.names):
        found.add(where, f"there is no class {cells[0][:20]} (names has {len(config.names)}); left out")
        return None
    label = config.names[int(number)]
    if config.keypoints is not None:
        return _with_keypoints(label, values, config, size, where, found)
    if len(values) == 4:
        box = _box(values, size, where, found)
        return None if box is None else Instance(label, box)
    if len(values) == 5:
        found.add(where, "has six numbers, like a model's detection with its score, not a label; left out")
        return None
    if len(values) % 2 or not values:
        found.add(where, f"has {len(values)} numbers behind the class; expected 4, or pairs of x and y; left out")
        return None
    polygons, problems = fit_polygons([np.array(values).reshape(-1, 2) * np.array(size)], size)
    for problem in problems:
        found.add(where, problem)
    return None if polygons is None else Instance(label, polygons.box_xyxy, polygons)


def _with_keypoints(
    label: str, values: list[float], config: Config, size: Size, where: str, found: Findings
) -> Instance | None:
    assert config.keypoints is not None
    count = len(config.keypoints.names)
    if len(values) != 4 + count * config.dimensions:
        wanted = 4 + count * config.dimensions
        found.add(where, f"has {len(values)} numbers behind the class; 'kpt_shape' says {wanted}; left out")
        return None
    box = _box(values[:4], size, where, found)
    if box is None:
        return None
    points = np.array(values[4:]).reshape(count, config.dimensions)
    if config.dimensions == 2:  # a point at 0, 0 is one that nobody marked
        points = np.column_stack([points, np.where((points == 0).all(axis=1), 0, 2)])
    points[:, :2] *= np.array(size)
    keypoints, problems = fit_keypoints(points, size)
    for problem in problems:
        found.add(where, problem)
    return Instance(label, box, keypoints=keypoints)


def _box(values: list[float], size: Size, where: str, found: Findings) -> BoxXYXY | None:
    x, y, width, height = (value * side for value, side in zip(values, (*size, *size), strict=True))
    box, problem = fit_box((x - width / 2, y - height / 2, x + width / 2, y + height / 2), size)
    if problem is not None:
        found.add(where, problem)
    return box
