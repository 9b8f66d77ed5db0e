"""How far masks overlap, counted on their runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from belvedere.core.errors import OptionError
from belvedere.vision.rle.runs import RunLengths

_BLOCK = 1 << 20
"""Edges that are looked up in one go: bounds the memory."""


@dataclass(frozen=True, eq=False)
class MaskStack:
    """Runs of many masks in one row, ready to be compared. Sizes may differ between masks that are not compared.

    Attributes:
        sizes: int64 (n, 2): height and width.
        areas: int64 (n,): pixels inside.
        boxes_xyxy: int64 (n, 4): the smallest box around the pixels inside; zeros where there are none.
        edges: int64 (e,): the masks' edges (see ``RunLengths.edges``) one after the other.
        starts: int64 (n + 1,): where each mask's edges begin.
    """

    sizes: NDArray[np.int64]
    areas: NDArray[np.int64]
    boxes_xyxy: NDArray[np.int64]
    edges: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, masks: Sequence[RunLengths]) -> MaskStack:
        """Stack masks."""
        sizes = np.array([(mask.height, mask.width) for mask in masks], dtype=np.int64).reshape(-1, 2)
        lengths = np.array([len(mask.counts) for mask in masks], dtype=np.int64)
        # One running sum over all counts; a mask's own begins where the pixels of those before it end.
        counts = np.concatenate([np.zeros(0, np.uint32), *(mask.counts for mask in masks)])
        kept = np.arange(len(counts)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        own = kept < np.repeat(lengths // 2 * 2, lengths)
        before = np.cumsum(sizes.prod(axis=1)) - sizes.prod(axis=1)
        edges = (np.cumsum(counts, dtype=np.int64) - np.repeat(before, lengths))[own]
        starts = np.concatenate([[0], np.cumsum(lengths // 2 * 2)])
        inside = np.concatenate([[0], np.cumsum(edges[1::2] - edges[::2])])
        areas = inside[starts[1:] // 2] - inside[starts[:-1] // 2]
        return cls(sizes, areas, _boxes(edges, starts, sizes[:, 0]), edges, starts)


def _boxes(edges: NDArray[np.int64], starts: NDArray[np.int64], heights: NDArray[np.int64]) -> NDArray[np.int64]:
    boxes = np.zeros((len(heights), 4), dtype=np.int64)
    filled = np.flatnonzero(np.diff(starts))
    if not filled.size:
        return boxes
    height = np.repeat(heights, np.diff(starts) // 2)
    first, last = edges[::2], edges[1::2] - 1
    left, right = first // height, last // height
    several = left < right
    top = np.where(several, 0, first - left * height)
    bottom = np.where(several, height, last - right * height + 1)
    run = starts[filled] // 2
    boxes[filled, 0] = left[run]
    boxes[filled, 1] = np.minimum.reduceat(top, run)
    boxes[filled, 2] = right[starts[filled + 1] // 2 - 1] + 1
    boxes[filled, 3] = np.maximum.reduceat(bottom, run)
    return boxes


def shared_pixels(
    stack: MaskStack, first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]]
) -> NDArray[np.int64]:
    """Pixels that lie in both masks of each pair, int64 (p,).

    Counted on the runs: the pixels of one mask up to any place rise along its runs, so what one run of the other mask
    shares with it is the rise between the run's two edges.

    Args:
        stack: The masks.
        first: Their numbers, (p,).
        second: Those of the masks to compare with, (p,).

    Raises:
        OptionError: two masks that are compared differ in size.
    """
    if (stack.sizes[first] != stack.sizes[second]).any():
        wrong = int(np.flatnonzero((stack.sizes[first] != stack.sizes[second]).any(axis=1))[0])
        one, two = stack.sizes[first[wrong]].tolist(), stack.sizes[second[wrong]].tolist()
        raise OptionError(f"masks of {one[1]} x {one[0]} and {two[1]} x {two[0]} pixels: expected one size")
    shared = np.zeros(len(first), dtype=np.int64)
    low = np.maximum(stack.boxes_xyxy[first, :2], stack.boxes_xyxy[second, :2])
    high = np.minimum(stack.boxes_xyxy[first, 2:], stack.boxes_xyxy[second, 2:])
    near = np.flatnonzero((low < high).all(axis=1))
    lengths = np.diff(stack.starts)
    swap = lengths[first[near]] < lengths[second[near]]
    asked = np.where(swap, first[near], second[near])
    whole = np.where(swap, second[near], first[near])
    order = np.argsort(whole, kind="stable")  # neighbouring questions find their answers near each other
    near, asked, whole = near[order], asked[order], whole[order]
    # Masks lie behind one another with a gap, so that every place belongs to one of them.
    room = int(stack.sizes.prod(axis=1).max(initial=0)) + 1
    places = stack.edges + np.repeat(np.arange(len(lengths)) * room, lengths)
    run = np.cumsum(stack.edges[1::2] - stack.edges[::2])
    rise = np.empty(len(places))
    rise[1::2] = run
    rise[::2] = run - (stack.edges[1::2] - stack.edges[::2])
    ends = np.cumsum(lengths[asked])
    begin = 0
    while begin < len(near):
        end = max(begin + 1, int(np.searchsorted(ends, (ends[begin - 1] if begin else 0) + _BLOCK, side="right")))
        part = slice(begin, end)
        own = lengths[asked[part]]
        offsets = np.cumsum(own) - own
        questions = stack.edges[np.repeat(stack.starts[asked[part]] - offsets, own) + np.arange(own.sum())]
        risen = np.interp(questions + np.repeat(whole[part] * room, own), places, rise)
        shared[near[part]] = np.add.reduceat(risen[1::2] - risen[::2], offsets // 2).astype(np.int64)
        begin = end
    return shared


def rle_iou(found: Sequence[RunLengths], truth: Sequence[RunLengths], crowd: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of all pairs of masks, as pycocotools' ``iou`` counts it.

    Args:
        found: n masks.
        truth: m masks of the same size.
        crowd: Booleans (m,): masks of many things. What a found mask shares with one is divided by the found mask's
            own area.

    Returns:
        float64 (n, m); 0 where a mask is empty.

    Raises:
        OptionError: sizes or numbers differ.
    """
    many = np.asarray(crowd, dtype=bool)
    if many.shape != (len(truth),):
        raise OptionError(f"{len(truth)} true masks and crowd flags {many.shape}: expected one each")
    stack = MaskStack.of([*found, *truth])
    first = np.repeat(np.arange(len(found)), len(truth))
    second = np.tile(np.arange(len(truth)), len(found)) + len(found)
    return iou_of_pairs(stack, first, second, np.tile(many, len(found))).reshape(len(found), len(truth))


def iou_of_pairs(
    stack: MaskStack, first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]], crowd: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Intersection over union of each pair, float64 (p,), over the first one's area where ``crowd`` (p,)."""
    shared = shared_pixels(stack, first, second)
    whole = np.where(crowd, stack.areas[first], stack.areas[first] + stack.areas[second] - shared)
    return np.asarray(np.divide(shared, whole, out=np.zeros(len(shared)), where=shared > 0))
