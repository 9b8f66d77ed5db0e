"""Detection layers: yolo (v3, v4) and region (v2).

As rows, the default, each gives what OpenCV's ``readNetFromDarknet`` gives before its threshold and suppression: one
row for each cell and anchor, row by row of cells and the anchors of a cell together,

    centre x, centre y, width, height, objectness, one score for each class

where the box is relative to the network's input (0..1) and class scores are multiplied by objectness. With a batch of
one the shape is (rows, 5 + classes), else (batch, rows, 5 + classes).

As maps, each gives what Darknet's forward pass leaves in the layer: (batch, anchors * (5 + classes), height, width),
for each anchor x, y, width, height, objectness and the classes; x and y (with ``scale_x_y``), objectness and classes
after the logistic function (region: softmax over classes where ``softmax=1``), width and height as they came.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.darknet.cfg import Section
from belvedere.compiler.importers.darknet.emit import Emitter, Feature
from belvedere.core.errors import CompileError


@dataclass(frozen=True)
class Head:
    """What a detection layer's section says.

    Attributes:
        section: The section.
        feature: What it reads.
        anchors: Widths and heights of its anchors relative to the input: (anchors, 2).
        classes: Number of classes.
        spread: ``scale_x_y``: x and y are stretched by it about their middle.
        squared: ``new_coords``: values came through a logistic activation already; sizes are (2 v)^2 anchors.
        exclusive: Whether classes go through a softmax instead of logistic functions.
        cut: Whether objectness under one half counts as zero (``classfix=-1``).
    """

    section: Section
    feature: Feature
    anchors: NDArray[np.float64]
    classes: int
    spread: float = 1.0
    squared: bool = False
    exclusive: bool = False
    cut: bool = False


def yolo(section: Section, x: Feature, size: tuple[int, int]) -> Head:
    """``[yolo]`` on an input of height and width ``size``; its anchors are in pixels."""
    classes, total = section.integer("classes", 20, low=1), section.integer("num", 1, low=1)
    anchors = _anchors(section, total)
    mask = section.integers("mask") or list(range(total))
    if any(not 0 <= index < total for index in mask):
        raise CompileError(f"{section.title}: mask={section.text('mask')} names anchors beyond num={total}")
    squared = bool(section.integer("new_coords", 0))
    own = anchors[mask] / np.array([size[1], size[0]])
    return _checked(Head(section, x, own, classes, section.number("scale_x_y", 1.0), squared))


def region(section: Section, x: Feature) -> Head:
    """``[region]``; its anchors are in cells."""
    section.refuse("tree", "background")
    classes = section.integer("classes", 20, low=1)
    if (coords := section.integer("coords", 4)) != 4:
        raise CompileError(f"{section.title}: coords={coords} is not supported, only 4")
    own = _anchors(section, section.integer("num", 1, low=1)) / np.array([x.width, x.height])
    exclusive = bool(section.integer("softmax", 0))
    cut = section.integer("classfix", 0, low=-1) == -1
    return _checked(Head(section, x, own, classes, exclusive=exclusive, cut=cut))


def emit_rows(e: Emitter, head: Head, name: str, batch: int) -> tuple[int, ...]:
    """Emit a head as rows, under a name; their shape."""
    x, values, count = head.feature, 5 + head.classes, len(head.anchors)
    cells = e.op("Transpose", e.reshape(x.name, 0, count, values, x.height * x.width), perm=[0, 3, 1, 2])
    places, sizes, objectness, classes = e.split(cells, [2, 2, 1, head.classes], axis=3)
    ys, xs = np.mgrid[: x.height, : x.width]
    grid = np.stack([xs, ys], axis=-1).reshape(-1, 1, 2)
    centres = e.op("Add", _centres(e, head, places), e.constant(grid))
    centres = e.op("Mul", centres, e.constant([1 / x.width, 1 / x.height]))
    if head.squared:
        doubled = e.multiply(sizes, 2.0)
        extents = e.op("Mul", doubled, doubled)
    else:
        extents = e.op("Exp", sizes)
    extents = e.op("Mul", extents, e.constant(head.anchors))
    objectness = objectness if head.squared else e.op("Sigmoid", objectness)
    weight = objectness
    if head.cut:
        weight = e.op("Where", e.op("Less", weight, e.constant(0.5)), e.constant(0.0), weight)
    scores = e.op("Mul", _classes(e, head, classes, axis=3), weight)
    rows = e.op("Concat", centres, extents, objectness, scores, axis=3)
    number = x.height * x.width * count
    shape = (number, values) if batch == 1 else (0, number, values)
    e.reshape(rows, *shape, name=name)
    return (number, values) if batch == 1 else (batch, number, values)


def emit_maps(e: Emitter, head: Head, name: str, batch: int) -> tuple[int, ...]:
    """Emit a head as Darknet's maps, under a name; their shape."""
    x, values, count = head.feature, 5 + head.classes, len(head.anchors)
    parts = e.split(e.reshape(x.name, 0, count, values, x.height, x.width), [2, 2, 1, head.classes], axis=2)
    places, sizes, objectness, classes = parts
    objectness = objectness if head.squared else e.op("Sigmoid", objectness)
    together = e.op("Concat", _centres(e, head, places), sizes, objectness, _classes(e, head, classes, axis=2), axis=2)
    e.reshape(together, 0, x.channels, x.height, x.width, name=name)
    return (batch, x.channels, x.height, x.width)


def _centres(e: Emitter, head: Head, places: str) -> str:
    """x and y within their cell."""
    inside = places if head.squared else e.op("Sigmoid", places)
    if head.spread == 1:
        return inside
    return e.add(e.multiply(inside, head.spread), -0.5 * (head.spread - 1))


def _classes(e: Emitter, head: Head, classes: str, axis: int) -> str:
    if head.exclusive:
        return e.op("Softmax", classes, axis=axis)
    return classes if head.squared else e.op("Sigmoid", classes)


def _anchors(section: Section, count: int) -> NDArray[np.float64]:
    values = section.numbers("anchors")
    if len(values) != 2 * count:
        raise CompileError(f"{section.title}: num={count} needs {2 * count} values of anchors, {len(values)} are there")
    return np.array(values, np.float64).reshape(count, 2)


def _checked(head: Head) -> Head:
    needed = len(head.anchors) * (5 + head.classes)
    if head.feature.channels != needed:
        raise CompileError(
            f"{head.section.title}: {len(head.anchors)} anchors and {head.classes} classes need {needed} channels, the "
            f"layer before has {head.feature.channels}: its filters do not fit"
        )
    return head
