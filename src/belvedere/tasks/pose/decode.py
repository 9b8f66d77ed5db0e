"""From a network's outputs to joints in pixels of the picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError
from belvedere.tasks.detection.rows import sigmoid
from belvedere.tasks.detection.suppression import suppress
from belvedere.tasks.outputs import Outputs, check_numbers, find_output
from belvedere.tasks.pose.decoder import PoseDecoder
from belvedere.tasks.pose.heatmaps import read_heatmaps, read_heatmaps_dark, read_offsets
from belvedere.tasks.pose.personlab import TREE, Fields, group_people
from belvedere.tasks.pose.result import PoseResult
from belvedere.vision.placement import Placement

__all__ = ["PoseDecoder", "decode_pose", "read_heatmaps"]

Array = NDArray[np.float32]


class People(NamedTuple):
    """Joints (n, K, 2) in pixels of the input, their scores (n, K); scores (n,) and boxes (n, 4) of the people."""

    points_xy: Array
    scores: Array
    person_scores: Array | None = None
    boxes_xyxy: Array | None = None


def decode_pose(
    outputs: Outputs, decoder: PoseDecoder, placement: Placement, image: NDArray[np.uint8], path: str | None = None
) -> PoseResult:
    """Read the outputs for one picture.

    Args:
        outputs: The decoder's outputs, shapes as its form says. Heatmaps without displacements see one person, whom
            the input shows.
        decoder: How to read them.
        placement: Where the picture lies in the network's input.
        image: The decoded picture, RGB uint8 (H, W, 3).
        path: Where the picture came from, if it had a name.

    Raises:
        EngineError: an output is missing, of another shape, or not finite.
    """
    found = _READERS[decoder.form](outputs, decoder, placement)
    boxes = found.boxes_xyxy
    return PoseResult(
        keypoints_xy=placement.points_to_source(found.points_xy),
        keypoint_scores=np.ascontiguousarray(found.scores),
        names=decoder.names,
        skeleton=decoder.skeleton,
        threshold=decoder.threshold,
        image=image,
        path=path,
        person_scores=found.person_scores,
        person_boxes_xyxy=None if boxes is None else placement.boxes_to_source(boxes),
    )


def _size(placement: Placement) -> Array:
    return np.array([placement.width, placement.height], dtype=np.float32)


def _movenet(outputs: Outputs, decoder: PoseDecoder, placement: Placement) -> People:
    values = _finite(outputs, decoder.output)
    joints = len(decoder.names)
    if values.ndim != 4 or values.shape[2:] != (joints, 3):
        raise EngineError(f"network output '{decoder.output}' has shape {values.shape}: expected (1, n, {joints}, 3)")
    rows = np.asarray(values[0], dtype=np.float32)
    return People(rows[..., [1, 0]] * _size(placement), rows[..., 2])


def _multipose(outputs: Outputs, decoder: PoseDecoder, placement: Placement) -> People:
    values = _finite(outputs, decoder.output)
    joints = len(decoder.names)
    if values.ndim != 3 or values.shape[2] != 3 * joints + 5:
        raise EngineError(
            f"network output '{decoder.output}' has shape {values.shape}: expected (1, n, {3 * joints + 5})"
        )
    rows = np.asarray(values[0], dtype=np.float32)
    best = np.argsort(-rows[:, -1], kind="stable")
    rows = rows[best[rows[best, -1] >= decoder.person_threshold][: decoder.most]]
    each = rows[:, : 3 * joints].reshape(-1, joints, 3)
    boxes = rows[:, [-4, -5, -2, -3]] * np.tile(_size(placement), 2)
    return People(each[..., [1, 0]] * _size(placement), each[..., 2], np.ascontiguousarray(rows[:, -1]), boxes)


def _yolo_pose(outputs: Outputs, decoder: PoseDecoder, _placement: Placement) -> People:
    values = _finite(outputs, decoder.output, rows=True)
    joints = len(decoder.names)
    if values.ndim != 3 or values.shape[1] != 5 + 3 * joints:
        raise EngineError(
            f"network output '{decoder.output}' has shape {values.shape}: expected (1, {5 + 3 * joints}, n)"
        )
    columns = np.asarray(values[0], dtype=np.float32)
    rows = np.ascontiguousarray(columns[:, columns[4] >= decoder.person_threshold].T)
    centers, sizes = rows[:, :2], rows[:, 2:4]
    boxes = np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1)
    kept = suppress(boxes, rows[:, 4], np.zeros(len(rows), np.int64), decoder.iou, decoder.most)
    each = rows[kept, 5:].reshape(-1, joints, 3)
    return People(np.ascontiguousarray(each[..., :2]), each[..., 2], rows[kept, 4], boxes[kept])


def _simple(outputs: Outputs, decoder: PoseDecoder, placement: Placement) -> People:
    maps = _maps(outputs, decoder, decoder.output, len(decoder.names))
    found, scores = read_heatmaps(maps)
    cells = np.array(maps.shape[:0:-1], dtype=np.float32)
    return People((found * _size(placement) / cells)[None], scores[None])


def _vitpose(outputs: Outputs, decoder: PoseDecoder, placement: Placement) -> People:
    """UDP's unit is the distance of the middles of the first and last pixel, and of the first and last cell."""
    maps = _maps(outputs, decoder, decoder.output, len(decoder.names))
    found, scores = read_heatmaps_dark(maps)
    gaps = np.maximum(np.array(maps.shape[:0:-1], dtype=np.float32) - 1, 1)
    points = np.asarray(found * ((_size(placement) - 1) / gaps) + 0.5, dtype=np.float32)
    return People(points[None], scores[None])


def _posenet_single(outputs: Outputs, decoder: PoseDecoder, placement: Placement) -> People:
    joints = len(decoder.names)
    maps = _maps(outputs, decoder, decoder.output, joints)
    offsets = _maps(outputs, decoder, decoder.further[0], 2 * joints, maps.shape[1:])
    points, scores = read_offsets(maps, offsets, _stride(placement, maps))
    return People(points[None], scores[None])


def _posenet(outputs: Outputs, decoder: PoseDecoder, placement: Placement) -> People:
    joints = len(decoder.names)
    maps = _maps(outputs, decoder, decoder.output, joints)
    lengths = (2 * joints, 2 * len(TREE), 2 * len(TREE))
    others = [
        _maps(outputs, decoder, name, length, maps.shape[1:])
        for name, length in zip(decoder.further, lengths, strict=True)
    ]
    points, scores, people = group_people(
        Fields(maps, *others), _stride(placement, maps), seed=decoder.seed_threshold, radius=decoder.radius,
        least=decoder.person_threshold, most=decoder.most,
    )  # fmt: skip
    return People(points, scores, people)


def _stride(placement: Placement, maps: Array) -> tuple[float, float]:
    """PoseNet's output stride: its maps have (size - 1) / stride + 1 cells, the first at the input's first pixel."""
    height, width = maps.shape[1:]
    return (placement.width - 1) / max(width - 1, 1), (placement.height - 1) / max(height - 1, 1)


def _finite(outputs: Outputs, name: str, *, rows: bool = False) -> NDArray[Any]:
    values = find_output(outputs, name, rows=rows)
    check_numbers(name, values)
    return values


def _maps(
    outputs: Outputs, decoder: PoseDecoder, name: str, channels: int, sides: tuple[int, ...] | None = None
) -> Array:
    values = _finite(outputs, name)
    moved = values.transpose(0, 3, 1, 2) if values.ndim == 4 and decoder.layout == "NHWC" else values
    if moved.ndim != 4 or moved.shape[1] != channels or sides not in (None, moved.shape[2:]):
        height, width = sides or ("h", "w")
        shape = (1, channels, height, width) if decoder.layout == "NCHW" else (1, height, width, channels)
        raise EngineError(f"network output '{name}' has shape {values.shape}: expected ({', '.join(map(str, shape))})")
    maps = np.ascontiguousarray(moved[0], dtype=np.float32)
    return sigmoid(maps) if decoder.activation == "sigmoid" and name == decoder.output else maps


_READERS: Mapping[str, Callable[[Outputs, PoseDecoder, Placement], People]] = {
    "heatmaps": _simple,
    "vitpose": _vitpose,
    "movenet": _movenet,
    "movenet-multipose": _multipose,
    "posenet-single": _posenet_single,
    "posenet": _posenet,
    "yolo-pose": _yolo_pose,
}
