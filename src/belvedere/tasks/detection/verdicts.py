"""Right, wrong, or not counted: COCO's verdict on each detection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.tasks.detection.compared import FoundRows, Kind, TruthRows
from belvedere.tasks.detection.matching import choose
from belvedere.tasks.detection.overlaps import overlaps


@dataclass(frozen=True)
class Rules:
    """What is judged by.

    Attributes:
        kind: What is compared.
        classes: How many classes there are.
        thresholds: Overlaps from which a detection may take a truth, rising.
        areas: Ranges of size in square pixels, both ends included; things outside do not count.
        most: Detections that count of a picture and class, rising.
        sigmas: One per joint, for keypoints.
    """

    kind: Kind
    classes: int
    thresholds: tuple[float, ...]
    areas: tuple[tuple[float, float], ...]
    most: tuple[int, ...]
    sigmas: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Verdicts on the detections of some pictures, ordered by picture, class and falling score.

    Attributes:
        pictures: Number of each detection's picture among those judged together, (n,).
        class_ids: (n,).
        scores: (n,).
        places: Place of each among its picture and class by score, from 0, (n,).
        right: Bits (n, ceil(A T / 8)): takes a truth, for each of A sizes and T thresholds, thresholds side by side.
        aside: Such bits: counts neither way.
        truths: How many truths count, by class and size, (C, A).
    """

    pictures: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    places: NDArray[np.int64]
    right: NDArray[np.uint8]
    aside: NDArray[np.uint8]
    truths: NDArray[np.int64]


def judge(pictures: Sequence[tuple[FoundRows, TruthRows]], rules: Rules) -> Verdicts:
    """Judge the detections of pictures, one or more."""
    found, groups, places = _best_found(pictures, rules)
    truth, true_groups = _joined_truth(pictures, rules)
    first, second = _pairs(groups, true_groups)
    overlap = overlaps(rules.kind, found, truth, first, second, rules.sigmas)
    near = overlap >= rules.thresholds[0]
    skipped = truth.skipped | _beyond(truth.areas, rules)
    thresholds = np.array(rules.thresholds)
    chosen = choose(first[near], second[near], overlap[near], groups, skipped, truth.crowd, thresholds)
    right = chosen >= 0
    aside = np.repeat(_beyond(found.areas, rules).T[:, :, None], len(thresholds), axis=2)
    sizes = np.arange(len(rules.areas))[None, :, None]
    if len(truth.class_ids):
        aside = np.where(right, skipped[sizes, chosen], aside)
    truths = [np.bincount(truth.class_ids[~row], minlength=rules.classes) for row in skipped]
    bits = (len(right), right[:1].size or 1)
    return Verdicts(
        pictures=groups // rules.classes,
        class_ids=found.class_ids,
        scores=found.scores,
        places=places,
        right=np.packbits(right.reshape(bits) if len(right) else np.zeros(bits, bool), axis=1),
        aside=np.packbits(aside.reshape(bits) if len(right) else np.zeros(bits, bool), axis=1),
        truths=np.stack(truths, axis=1),
    )


def _beyond(areas: NDArray[np.float64], rules: Rules) -> NDArray[np.bool_]:
    """Things outside each range of sizes, (A, n)."""
    return np.stack([(areas < low) | (areas > high) for low, high in rules.areas])


def _best_found(
    pictures: Sequence[tuple[FoundRows, TruthRows]], rules: Rules
) -> tuple[FoundRows, NDArray[np.int64], NDArray[np.int64]]:
    """Those detections that count, in order, with their group (picture and class) and place in it."""
    rows = [found for found, _ in pictures]
    scores = np.concatenate([row.scores for row in rows])
    groups = _groups([row.class_ids for row in rows], rules)
    order = np.lexsort((-scores, groups))  # equal scores stay in the order they came in
    places = np.arange(len(order)) - np.searchsorted(groups[order], groups[order])
    kept = places < rules.most[-1]
    order, places = order[kept], places[kept]
    areas = np.concatenate([row.areas for row in rows])[order]
    shapes = _joined([row.shapes for row in rows], order, rules.kind)
    return FoundRows(scores[order], groups[order] % rules.classes, areas, shapes), groups[order], places


def _joined_truth(pictures: Sequence[tuple[FoundRows, TruthRows]], rules: Rules) -> tuple[TruthRows, NDArray[np.int64]]:
    """All truths, ordered by group, with their groups."""
    rows = [truth for _, truth in pictures]
    groups = _groups([row.class_ids for row in rows], rules)
    order = np.argsort(groups, kind="stable")
    areas, crowd, skipped, boxes = (
        np.concatenate([getattr(row, name) for row in rows])[order] for name in ("areas", "crowd", "skipped", "boxes")
    )
    shapes = _joined([row.shapes for row in rows], order, rules.kind)
    return TruthRows(groups[order] % rules.classes, areas, crowd, skipped, shapes, boxes), groups[order]


def _groups(class_ids: Sequence[NDArray[np.int64]], rules: Rules) -> NDArray[np.int64]:
    numbers = np.repeat(np.arange(len(class_ids)), [len(row) for row in class_ids])
    return numbers * rules.classes + np.concatenate(class_ids)


def _joined(shapes: Sequence[Any], order: NDArray[np.intp], kind: Kind) -> Any:
    if kind != "mask":
        return np.concatenate(shapes)[order]
    together = [mask for masks in shapes for mask in masks]
    return [together[number] for number in order]


def _pairs(groups: NDArray[np.int64], true_groups: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Every detection with every truth of its group: numbers of both."""
    low, high = (np.searchsorted(true_groups, groups, side=side) for side in ("left", "right"))
    count = high - low
    first = np.repeat(np.arange(len(groups)), count)
    return first, np.arange(len(first)) - np.repeat(np.cumsum(count) - count - low, count)
