"""From a network's output to joints in pixels of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.outputs import Outputs, check_numbers, find_output
from belvedere.tasks.pose.keypoints import COCO_KEYPOINTS, COCO_SKELETON
from belvedere.tasks.pose.result import PoseResult
from belvedere.vision.placement import Placement


@dataclass(frozen=True)
class PoseDecoder:
    """How a pose network's output is read; part of the artifact.

    Attributes:
        output: Name of the output.
        form: ``heatmaps`` (one map per joint) or ``movenet`` (rows of y, x, score, relative to the input).
        threshold: The score from which a joint counts.
        names: Names of the joints in order.
        skeleton: Pairs of joints that a line joins.

    Raises:
        OptionError: a field has no usable value.
    """

    output: str
    form: Literal["heatmaps", "movenet"]
    threshold: float = 0.3
    names: tuple[str, ...] = COCO_KEYPOINTS
    skeleton: tuple[tuple[int, int], ...] = COCO_SKELETON

    def __post_init__(self) -> None:
        if self.form not in ("heatmaps", "movenet"):
            raise OptionError(f"unknown pose format {self.form!r}: expected heatmaps or movenet")
        ends = [end for bone in self.skeleton for end in bone]
        if not self.names or not all(0 <= end < len(self.names) for end in ends):
            raise OptionError(
                f"a skeleton over {len(self.names)} joints names others: expected 0 to {len(self.names) - 1}"
            )


def decode_pose(
    outputs: Outputs, decoder: PoseDecoder, placement: Placement, image: NDArray[np.uint8], path: str | None = None
) -> PoseResult:
    """Read the output for one picture.

    Args:
        outputs: The decoder's output: heatmaps (1, K, h, w), the picture being one person; or rows (1, n, K, 3).
        decoder: How to read it.
        placement: Where the picture lies in the network's input.
        image: The decoded picture, RGB uint8 (H, W, 3).
        path: Where the picture came from, if it had a name.

    Raises:
        EngineError: the output is missing, of another shape, or not finite.
    """
    values = find_output(outputs, decoder.output)
    check_numbers(decoder.output, values)
    size = np.array([placement.width, placement.height], dtype=np.float32)
    if decoder.form == "movenet":
        rows = _movenet(decoder, values)
        points, scores = np.asarray(rows[..., [1, 0]] * size), rows[..., 2]
    else:
        maps = _heatmaps(decoder, values)
        found, scores = read_heatmaps(maps)
        points, scores = (found * size / np.array(maps.shape[:0:-1], np.float32))[None], scores[None]
    return PoseResult(
        keypoints_xy=placement.points_to_source(points),
        keypoint_scores=np.ascontiguousarray(scores),
        names=decoder.names,
        skeleton=decoder.skeleton,
        threshold=decoder.threshold,
        image=image,
        path=path,
    )


def read_heatmaps(maps: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The place and height of each map's peak, as SimplePose reads them (Xiao et al. 2018; GluonCV).

    The place is moved a quarter of a cell towards the higher neighbour on each axis, unless the peak lies within one
    cell of the border.

    Args:
        maps: float32 (K, h, w).

    Returns:
        x and y in cells, float32 (K, 2), and the heights, float32 (K,).
    """
    count, height, width = maps.shape
    flat = maps.reshape(count, -1)
    best = flat.argmax(axis=1)
    rows, columns = best // width, best % width
    inner = (columns > 1) & (columns < width - 1) & (rows > 1) & (rows < height - 1)
    k, y, x = np.flatnonzero(inner), rows[inner], columns[inner]
    moved = np.stack([columns, rows], axis=1).astype(np.float32)
    moved[k, 0] += 0.25 * np.sign(maps[k, y, x + 1] - maps[k, y, x - 1])
    moved[k, 1] += 0.25 * np.sign(maps[k, y + 1, x] - maps[k, y - 1, x])
    return moved, flat[np.arange(count), best]


def _movenet(decoder: PoseDecoder, values: NDArray[Any]) -> NDArray[np.float32]:
    expected = (len(decoder.names), 3)
    if values.ndim != 4 or values.shape[2:] != expected:
        raise EngineError(
            f"network output '{decoder.output}' has shape {values.shape}: expected (1, n, {expected[0]}, 3)"
        )
    return np.asarray(values[0], dtype=np.float32)


def _heatmaps(decoder: PoseDecoder, values: NDArray[Any]) -> NDArray[np.float32]:
    if values.ndim != 4 or values.shape[1] != len(decoder.names):
        raise EngineError(
            f"network output '{decoder.output}' has shape {values.shape}: expected (1, {len(decoder.names)}, h, w)"
        )
    return np.asarray(values[0], dtype=np.float32)
