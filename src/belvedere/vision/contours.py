"""Masks to polygons: outlines traced along the edges of pixels, without loss."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import ImageError


def trace_polygons(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float64], ...]:
    """The outlines of a mask as polygons whose corners lie on the corners of pixels.

    Pixels that touch only at a corner belong to different polygons. A hole is joined to the outline around it by a
    line there and back, so that filling by the even-odd rule gives the mask again exactly.

    Args:
        mask: bool (height, width).

    Returns:
        float64 (n, 2) each, x and y; none for an empty mask.

    Raises:
        ImageError: not such an array.
    """
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise ImageError(f"a mask of {mask.dtype} {mask.shape}: expected bool (height, width)")
    from scipy import ndimage

    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return ()
    top, left = int(rows[0]), int(columns[0])
    window = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    patches, _ = ndimage.label(window)  # by edges, not corners: every patch has one outline
    groups: dict[int, list[NDArray[np.float64]]] = {}
    for loop in sorted(_loops(window), key=_is_hole):  # outlines before holes
        x, y = _beside(loop)
        groups.setdefault(int(patches[y, x]), []).append(loop)
    return tuple(join_polygons(group) + np.array([left, top]) for group in groups.values())


def join_polygons(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Several polygons as one closed line, joined where they are nearest by lines there and back.

    Filled by the even-odd rule it covers what parts that do not overlap cover: the joining lines have no area.

    Args:
        parts: float64 (n, 2) each, at least one.

    Returns:
        float64 (n, 2).
    """
    arrays = [np.asarray(part, dtype=np.float64) for part in parts]
    branches = _nearest_tree(arrays)
    line: list[NDArray[np.float64]] = []
    # Part, its corners that are left, and the corner to go back to when it is done.
    root: tuple[int, Iterator[int], NDArray[np.float64] | None] = (0, iter(range(len(arrays[0]))), None)
    stack = [root]
    while stack:
        part, corners, back = stack[-1]
        corner = next(corners, None)
        if corner is None:
            stack.pop()
            if back is not None:
                line.append(back)
            continue
        line.append(arrays[part][corner])
        for child, there in branches.pop((part, corner), ()):
            count = len(arrays[child])
            around = [(there + step) % count for step in range(count + 1)]
            stack.append((child, iter(around), arrays[part][corner]))
    return np.array(line)


def _nearest_tree(parts: Sequence[NDArray[np.float64]]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Which part is joined at which corner of which other one: the shortest joins that hold all together (Prim).

    Returns:
        For (part, corner) the (part, corner) pairs that branch off there, away from the first part.
    """
    branches: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # For every part that is not joined yet: distance, part, corner there, own corner.
    left = {number: (*_nearest(parts[0], part), 0) for number, part in enumerate(parts) if number}
    while left:
        number = min(left, key=lambda one: left[one][0])
        _, here, there, owner = left.pop(number)
        branches.setdefault((owner, here), []).append((number, there))
        for other, known in left.items():
            found = _nearest(parts[number], parts[other])
            if found[0] < known[0]:
                left[other] = (*found, number)
    return branches


def _is_hole(loop: NDArray[np.float64]) -> bool:
    return _signed_area(loop) < 0


def _loops(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Closed lines along pixel edges, the mask on their right hand (y points down): outlines turn clockwise."""
    height, width = mask.shape
    padded = np.zeros((height + 2, width + 2), dtype=bool)
    padded[1:-1, 1:-1] = mask
    ends: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    below, above = padded[1:, 1:-1], padded[:-1, 1:-1]
    for y, x in np.argwhere(below & ~above).tolist():  # the upper edge of a pixel: to the right
        ends[x, y].append((x + 1, y))
    for y, x in np.argwhere(above & ~below).tolist():  # the lower edge of the pixel above: to the left
        ends[x + 1, y].append((x, y))
    right, before = padded[1:-1, 1:], padded[1:-1, :-1]
    for y, x in np.argwhere(before & ~right).tolist():  # the right edge: downwards
        ends[x, y].append((x, y + 1))
    for y, x in np.argwhere(right & ~before).tolist():  # the left edge: upwards
        ends[x, y + 1].append((x, y))
    loops = []
    while ends:
        start = next(iter(ends))
        at, first = _step(start, None, ends)
        heading, corners = first, [start]
        # Where two pixels touch at the start, the line is closed only when it would go on as it began.
        while at != start or (at in ends and first != _right_of(heading)):
            following, turned = _step(at, heading, ends)
            if turned != heading:
                corners.append(at)
            at, heading = following, turned
        # The start is a corner only where the line turns there.
        loops.append(np.array(corners if heading != first else corners[1:], dtype=np.float64))
    return loops


def _right_of(heading: tuple[int, int]) -> tuple[int, int]:
    return -heading[1], heading[0]


def _step(
    at: tuple[int, int],
    heading: tuple[int, int] | None,
    ends: defaultdict[tuple[int, int], list[tuple[int, int]]],
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Take the next edge: where two leave, the one to the right, so that pixels touching at a corner stay apart."""
    choices = ends[at]
    place = 0
    if len(choices) > 1 and heading is not None:
        right = _right_of(heading)
        place = choices.index((at[0] + right[0], at[1] + right[1]))
    following = choices.pop(place)
    if not choices:
        del ends[at]
    return following, (following[0] - at[0], following[1] - at[1])


def _signed_area(loop: NDArray[np.float64]) -> float:
    x, y = loop[:, 0], loop[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _beside(loop: NDArray[np.float64]) -> tuple[int, int]:
    """Column and row of a pixel of the mask at a loop: to the right of where it begins."""
    ahead = np.sign(loop[1] - loop[0])
    x, y = loop[0] + (ahead + np.array([-ahead[1], ahead[0]])) / 2
    return math.floor(x), math.floor(y)


def _nearest(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, int, int]:
    """Distance squared, and the places, of the nearest corners of two polygons."""
    best = (np.inf, 0, 0)
    for start in range(0, len(first), 256):
        apart = ((first[start : start + 256, None] - second[None]) ** 2).sum(axis=2)
        place = int(apart.argmin())
        value = float(apart.flat[place])
        if value < best[0]:
            best = (value, start + place // len(second), place % len(second))
    return best
