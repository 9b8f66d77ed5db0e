"""From queries with a mask each (MaskFormer, Mask2Former, EoMT) to classes of pixels, or to things with masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.detection.masks import grid_window
from belvedere.tasks.detection.result import DetectionResult
from belvedere.tasks.detection.rows import sigmoid, softmax
from belvedere.tasks.outputs import Outputs, check_numbers, find_output
from belvedere.tasks.segmentation.windows import INSIDE, cut_windows, from_logits
from belvedere.vision.placement import Placement
from belvedere.vision.resize import resize_map

Array = NDArray[np.float32]


@dataclass(frozen=True)
class MaskQueryDecoder:
    """How queries that are things are read; part of the artifact.

    Attributes:
        queries: Name of the output with class logits, the last of them no-object.
        masks: Name of the output with mask logits.
        form: ``mask2former``: the best pairs of query and class, as many as there are queries; ``eomt``: each query
            has its best class.
        threshold: Least score of a thing.
        most: Most things to keep.
        labels: Names of the classes, maybe none.

    Raises:
        OptionError: a field has no usable value.
    """

    queries: str
    masks: str
    form: Literal["mask2former", "eomt"] = "mask2former"
    threshold: float = 0.5
    most: int = 100
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.form not in ("mask2former", "eomt"):
            raise OptionError(f"unknown form of mask queries {self.form!r}: expected mask2former or eomt")
        if not 0 <= self.threshold <= 1 or self.most < 1:
            raise OptionError(f"threshold {self.threshold} and most {self.most}: expected 0 to 1, and at least 1")


def decode_mask_queries(
    outputs: Outputs,
    decoder: MaskQueryDecoder,
    placement: Placement,
    image: NDArray[np.uint8],
    path: str | None = None,
) -> DetectionResult:
    """Read the outputs for one picture as things.

    Mask logits are enlarged to the network's input. A thing's mask is where they are above 0; its score is that of
    its class times the mean of the mask's sigmoid, where the input shows the picture (Cheng et al. 2022, and
    ``post_process_instance_segmentation`` of ``Mask2FormerImageProcessor`` and ``EomtImageProcessor`` in transformers,
    whose scores these are where they enlarge to the same size). From there to the picture logits are interpolated, as
    the paper's code does. Boxes are those of the masks; a thing whose mask is empty on the picture is left out.

    Args:
        outputs: Class logits (1, Q, C + 1) and mask logits (1, Q, h, w).
        decoder: How to read them.
        placement: Where the picture lies in the network's input.
        image: The decoded picture, RGB uint8 (H, W, 3).
        path: Where the picture came from, if it had a name.

    Raises:
        EngineError: an output is missing, of another shape, or not finite.
    """
    logits, masks = read_queries(outputs, decoder.queries, decoder.masks)
    chances = softmax(logits)[:, :-1]
    if decoder.form == "eomt":
        classes, places = chances.argmax(axis=1), np.arange(len(chances))
    else:
        best = np.argsort(-chances, axis=None, kind="stable")[: len(chances)]
        places, classes = np.unravel_index(best, chances.shape)
    scores = chances[places, classes]
    # A mask's mean is at most 1, so a class's score is the most that its thing can have.
    hopeful = np.flatnonzero((scores >= decoder.threshold) & (scores > 0))
    grids, scores = _enlarged(masks, places[hopeful], placement), scores[hopeful]
    rows, columns = _shown(placement, grids.shape[1:])
    scores = scores * _mask_scores(grids[:, rows, columns])
    order = np.argsort(-scores, kind="stable")
    order = order[(scores[order] >= decoder.threshold) & (scores[order] > 0)][: decoder.most]
    windows, spans = cut_windows(from_logits(grids[order], INSIDE), placement)
    boxes = _boxes(windows, spans, placement)
    shown = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
    return DetectionResult(
        boxes_xyxy=boxes[shown],
        scores=np.ascontiguousarray(scores[order][shown], dtype=np.float32),
        class_ids=classes[hopeful][order][shown].astype(np.int64),
        labels=decoder.labels,
        image=image,
        path=path,
        mask_grids=windows[shown],
        mask_boxes_xyxy=spans[shown],
        mask_threshold=INSIDE,
    )


def read_queries(outputs: Outputs, queries: str, masks: str) -> tuple[Array, Array]:
    """Class logits (Q, C + 1) and mask logits (Q, h, w) of one picture, float32. Raises EngineError."""
    logits, grids = (find_output(outputs, name) for name in (queries, masks))
    if logits.ndim != 3 or logits.shape[2] < 2:
        raise EngineError(f"network output '{queries}' has shape {logits.shape}: expected (1, queries, classes + 1)")
    if grids.ndim != 4 or grids.shape[1] != logits.shape[1]:
        raise EngineError(
            f"network output '{masks}' has shape {grids.shape}: expected (1, {logits.shape[1]}, height, width)"
        )
    check_numbers(queries, logits)
    check_numbers(masks, grids)
    return np.asarray(logits[0], dtype=np.float32), np.asarray(grids[0], dtype=np.float32)


def class_maps(logits: Array, masks: Array, placement: Placement) -> Array:
    """One map of scores per class, float32 (C, height, width) of the network's input.

    A class's map is the sum over the queries of its probability times the mask's, mask logits being enlarged to the
    input first (``semantic_inference`` of MaskFormer, Cheng et al. 2021).

    Args:
        logits: float32 (Q, C + 1), the last column no-object.
        masks: float32 (Q, h, w).
        placement: Tells the input's size.
    """
    weights = softmax(logits)[:, :-1]
    grids = _enlarged(masks, np.arange(len(masks)), placement)
    found = np.empty((weights.shape[1], *grids.shape[1:]), dtype=np.float32)
    for row in range(grids.shape[1]):  # sigmoids of one row at a time: they take as much room as the masks
        found[:, row] = weights.T @ sigmoid(grids[:, row])
    return found


def _enlarged(masks: Array, places: NDArray[Any], placement: Placement) -> Array:
    width, height = max(placement.width, masks.shape[2]), max(placement.height, masks.shape[1])
    found = np.empty((len(places), height, width), dtype=np.float32)
    for number, place in enumerate(places.tolist()):
        found[number] = resize_map(masks[place], width, height)
    return found


def _shown(placement: Placement, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of grids over the input that show the picture: a letterbox's rest does not count."""
    size = np.array([placement.source_width, placement.source_height])
    ends = placement.points_to_input(np.stack([np.zeros(2), size])) * [
        shape[1] / placement.width,
        shape[0] / placement.height,
    ]
    low, high = np.round(ends).astype(int).clip(0).tolist()
    return slice(min(low[1], shape[0] - 1), max(high[1], low[1] + 1)), slice(
        min(low[0], shape[1] - 1), max(high[0], low[0] + 1)
    )


def _mask_scores(grids: Array) -> Array:
    """The mean sigmoid over each mask."""
    means = np.zeros(len(grids), dtype=np.float32)
    for number, grid in enumerate(grids):
        inside = grid[grid > 0]
        means[number] = sigmoid(inside).sum(dtype=np.float64) / (inside.size + 1e-6)
    return means


def _boxes(windows: Array, spans: Array, placement: Placement) -> Array:
    boxes = np.zeros((len(windows), 4), dtype=np.float32)
    size = placement.source_width, placement.source_height
    for number, (grid, span) in enumerate(zip(windows, spans, strict=True)):
        found = grid_window(grid, span, *size, INSIDE)
        if found.mask.any():
            rows, columns = (np.flatnonzero(found.mask.any(axis=axis)) for axis in (1, 0))
            boxes[number] = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            boxes[number] += (found.left, found.top, found.left, found.top)
    return boxes
