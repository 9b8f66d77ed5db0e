"""What is marked on a picture: instances with boxes, outlines and keypoints.

Coordinates are continuous pixels of the picture as it is decoded, with EXIF applied: the upper left corner of the
picture is (0, 0), its lower right one (width, height).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import DatasetError
from belvedere.tasks.pose.keypoints import COCO_KEYPOINTS, COCO_SIGMAS
from belvedere.vision.rle import RunLengths, from_polygons

BoxXYXY = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Polygons:
    """An outline of one or more closed polygons; the shape is what any of them covers.

    Attributes:
        parts: float64 (n, 2) each, x and y of at least three corners.
    """

    parts: tuple[NDArray[np.float64], ...]

    @property
    def area(self) -> float:
        """Sum of the areas of the parts, in square pixels (shoelace formula)."""
        return float(sum(polygon_area(part) for part in self.parts))

    @property
    def box_xyxy(self) -> BoxXYXY:
        """The smallest box around all parts."""
        every = np.concatenate(self.parts)
        (left, top), (right, bottom) = every.min(axis=0), every.max(axis=0)
        return float(left), float(top), float(right), float(bottom)


@dataclass(frozen=True, eq=False)
class Instance:
    """One thing on a picture.

    Attributes:
        label: Its class.
        box_xyxy: Left, top, right, bottom.
        shape: Its outline or mask, where it has one.
        keypoints: float32 (K, 3): x, y and visibility (0 not marked, 1 marked but hidden, 2 visible).
        crowd: Whether it stands for a group of things that nobody told apart.
        ignore: Whether finding or missing it shall not count (VOC's ``difficult``).
        area: Square pixels that the source declares.
        id: Its identifier in the source.
    """

    label: str
    box_xyxy: BoxXYXY
    shape: Polygons | RunLengths | None = None
    keypoints: NDArray[np.float32] | None = None
    crowd: bool = False
    ignore: bool = False
    area: float | None = None
    id: int | str | None = None

    @property
    def size(self) -> float:
        """Its area in square pixels: the declared one, else that of its shape, else that of its box."""
        if self.area is not None:
            return self.area
        if self.shape is not None:
            return float(self.shape.area)
        left, top, right, bottom = self.box_xyxy
        return (right - left) * (bottom - top)

    def run_lengths(self, height: int, width: int) -> RunLengths | None:
        """The pixels of its shape on a picture of this size, by COCO's rasterisation; None where it has no shape.

        Raises:
            DatasetError: the shape is a mask of another size.
        """
        if self.shape is None:
            return None
        if isinstance(self.shape, Polygons):
            return from_polygons(self.shape.parts, height, width)
        if (self.shape.height, self.shape.width) != (height, width):
            raise DatasetError(
                f"the mask of a '{self.label}' is {self.shape.width} x {self.shape.height} pixels, but the picture "
                f"is {width} x {height}"
            )
        return self.shape


@dataclass(frozen=True)
class KeypointLayout:
    """What the keypoints of a dataset are.

    Attributes:
        names: Their names, in order.
        skeleton: Pairs of keypoint indices that a line joins.
        sigmas: How widely people's annotations of each one scatter (COCO's OKS); None where nobody measured it.
        flip: Pairs of indices that change places when the picture is mirrored.
    """

    names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...] = ()
    sigmas: tuple[float, ...] | None = None
    flip: tuple[tuple[int, int], ...] = ()


def layout_of(names: tuple[str, ...], skeleton: tuple[tuple[int, int], ...] = ()) -> KeypointLayout:
    """A layout by its names: COCO's 17 get their sigmas, and ``left_x`` and ``right_x`` are flip pairs."""
    places = {name: place for place, name in enumerate(names)}
    flip = tuple(
        (place, places[other])
        for name, place in places.items()
        if name.startswith("left") and (other := "right" + name.removeprefix("left")) in places
    )
    return KeypointLayout(names, skeleton, COCO_SIGMAS if names == COCO_KEYPOINTS else None, flip)


def polygon_area(points_xy: NDArray[np.floating[Any]]) -> float:
    """Area of a closed polygon (n, 2), in square units (shoelace formula)."""
    x, y = points_xy[:, 0], points_xy[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def annotations_digest(instances: Sequence[Instance] | None) -> str | None:
    """SHA-256 over instances: labels, flags and the exact numbers of boxes, shapes and keypoints."""
    if instances is None:
        return None
    total = hashlib.sha256()
    for one in instances:
        total.update(repr((one.label, one.box_xyxy, one.crowd, one.ignore)).encode("utf-8", "surrogatepass"))
        if isinstance(one.shape, Polygons):
            for part in one.shape.parts:
                total.update(b"polygon" + np.ascontiguousarray(part).tobytes())
        elif one.shape is not None:
            total.update(b"mask" + np.ascontiguousarray(one.shape.counts).tobytes())
        if one.keypoints is not None:
            total.update(b"keypoints" + np.ascontiguousarray(one.keypoints).tobytes())
    return total.hexdigest()
