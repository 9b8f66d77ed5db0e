"""Sentences about pictures and regions whose size or proportions do not fit the others.

Every picture is stretched to the network's input. That changes nothing about a set whose pictures are alike, but a
thumbnail or a strip among photographs of a part is learned from as if it were one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

_FAR = 4.0
"""Times the usual proportions, or the usual side, from which a picture is named. Within real sets of cut-out pieces
proportions vary up to 3.2 times."""
_ROUNDING = 1.05
_SHOWN = 3

Size = tuple[int, int]


def odd_shapes(sizes: Mapping[str, Size]) -> list[str]:
    """A sentence that names the pictures far from the usual size or proportions; none where there are none.

    Args:
        sizes: Width and height by name.
    """
    if not sizes:
        return []
    width, height = usual_size(list(sizes.values()))
    odd = [
        name
        for name, (w, h) in sizes.items()
        if _times(w / h, width / height) > _FAR or _times((w * h) ** 0.5, (width * height) ** 0.5) > _FAR
    ]
    if not odd:
        return []
    shown = ", ".join("'{}' ({} x {})".format(name, *sizes[name]) for name in odd[:_SHOWN])
    more = f" and {len(odd) - _SHOWN} more" if len(odd) > _SHOWN else ""
    subject = "1 picture is" if len(odd) == 1 else f"{len(odd)} pictures are"
    note = (
        f"{subject} of quite another size or shape than the others, which are {width} x {height} as a rule, and "
        f"learned from all the same, stretched to the network's input: {shown}{more}"
    )
    return [note]


def stretched_region(roi: Size, sizes: Sequence[Size]) -> list[str]:
    """A sentence about a region of interest of other proportions than the pictures; none where it fits.

    Args:
        roi: Its width and height.
        sizes: Those of the pictures.
    """
    width, height = usual_size(sizes)
    if _times(roi[0] / roi[1], width / height) <= _ROUNDING:
        return []
    note = (
        f"the region of interest is {roi[0]} x {roi[1]}, the pictures are {width} x {height} as a rule: it is "
        "stretched over them; draw it on one of the pictures"
    )
    return [note]


def usual_size(sizes: Sequence[Size]) -> Size:
    """The size of the picture whose proportions, and of those whose area, is the median one."""
    ratio = float(np.median([width / height for width, height in sizes]))
    side = float(np.median([(width * height) ** 0.5 for width, height in sizes]))
    return min(sizes, key=lambda size: (_times(size[0] / size[1], ratio), _times((size[0] * size[1]) ** 0.5, side)))


def _times(a: float, b: float) -> float:
    return max(a / b, b / a)
