"""The learners side by side: fitted together, scored together, cross-validated together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from belvedere.training.anomaly.features import Cells
from belvedere.training.anomaly.memory import Memory, fit_memory, patch_distances, picture_score
from belvedere.training.anomaly.novelty import Scene, fit_scene
from belvedere.training.anomaly.pixel import (
    PixelExample,
    PixelHead,
    fit_pixel_head,
    pixel_logits,
    pixel_score,
)
from belvedere.training.anomaly.supervised import PictureHead, fit_picture_head, head_score, pool


@dataclass(frozen=True, eq=False)
class Marked:
    """A mirrored copy for the heads: cells (P, C) and, per type, the share of each that a mask covers, (T, P)."""

    cells: Cells
    cover: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class Example:
    """One training picture as the learners see it.

    Attributes:
        views: Feature cells (P, C) of the picture and, where turned copies help, of those; the picture first.
        valid: Per view the cells that show the picture and not what filled its corners, bool (P,).
        mirrored: Mirrored copies, which only the heads learn from: a memory of them would take a part mounted the
            wrong way round for normal.
        anomalous: Its label.
        cover: Per anomaly type the share of each cell that its mask covers, float32 (T, P); None without a mask.
        stratum: Label and kind, for folds that hold all sorts.
        group: Pictures that are nearly the same share one; empty for a picture of its own.
    """

    views: tuple[Cells, ...]
    valid: tuple[NDArray[np.bool_], ...]
    mirrored: tuple[Marked, ...]
    anomalous: bool
    cover: NDArray[np.float32] | None
    stratum: str
    group: str = ""

    @property
    def cells(self) -> Cells:
        """Cells of the picture as it is."""
        return self.views[0]


@dataclass(frozen=True, eq=False)
class Learners:
    """What was fitted; None for a learner that the data do not allow.

    ``scene`` is no learner: it guards against pictures of something else.
    """

    memory: Memory
    scene: Scene
    picture: PictureHead | None
    pixel: PixelHead | None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the learners there are, in the order of ``scores``."""
        heads = {"memory": self.memory, "picture": self.picture, "pixel": self.pixel}
        return tuple(name for name, learner in heads.items() if learner is not None)


def fit_learners(examples: Sequence[Example], types: int, seed: int) -> Learners:
    """Fit every learner that the examples allow.

    Args:
        examples: At least one normal; anomalous ones make the picture head possible, masks the pixel head.
        types: Number of anomaly types in the masks.
        seed: Seeds every random choice.
    """
    normal = [example for example in examples if not example.anomalous]
    anomalous = [example for example in examples if example.anomalous]
    views = [view[valid] for example in normal for view, valid in zip(example.views, example.valid, strict=True)]
    memory = fit_memory(views, len(views), np.random.default_rng((seed, 1)))
    picture = pixel = None
    if len(normal) > 1 and len(anomalous) > 1:
        rows = [(view, example.anomalous) for example in examples for view in example.views]
        rows += [(copy.cells, example.anomalous) for example in examples for copy in example.mirrored]
        pooled = np.stack([pool(view) for view, _ in rows])
        picture = fit_picture_head(pooled, np.array([label for _, label in rows]))
    if types and anomalous:
        marked = [
            PixelExample(copy.cells, copy.cover if copy.cover is not None else _clean(copy.cells, types))
            for example in examples
            if example.cover is not None or not example.anomalous
            for copy in (Marked(example.cells, example.cover), *example.mirrored)
        ]
        pixel = fit_pixel_head(marked, types, np.random.default_rng((seed, 2)))
    shown = [[view[valid] for view, valid in zip(e.views, e.valid, strict=True)] for e in normal]
    scene = fit_scene(shown, [example.cells for example in anomalous], np.random.default_rng((seed, 7)))
    return Learners(memory, scene, picture, pixel)


def scores(learners: Learners, cells: Cells, top: int) -> dict[str, float]:
    """Every learner's score of one picture's cells (P, C); not calibrated."""
    found = {"memory": picture_score(learners.memory, cells, top)}
    if learners.picture is not None:
        found["picture"] = head_score(learners.picture, pool(cells))
    if learners.pixel is not None:
        found["pixel"] = pixel_score(learners.pixel, cells, top)
    return found


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What models that did not see them say about the training pictures.

    Attributes:
        scores: Learner name to score per picture, float64 (n,).
        distances: Patch distances per picture, float32 (P,).
        logits: Pixel head's log-odds per picture, float32 (P, T); None where a fold had no pixel head.
        folds: Number of folds.
    """

    scores: dict[str, NDArray[np.float64]]
    distances: list[NDArray[np.float32]]
    logits: list[NDArray[np.float32] | None]
    folds: int


def held_out(
    examples: Sequence[Example],
    folds: Sequence[NDArray[np.int64]],
    types: int,
    top: int,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> HeldOut:
    """Cross-validate: each fold's pictures are scored by learners fitted on all the others.

    Args:
        examples: All training pictures.
        folds: Indices of the pictures held out together.
        types: Number of anomaly types in the masks.
        top: Cells that make up a picture's score.
        seed: Seeds the learners.
        advance: Called after each fold.
    """
    found: dict[str, NDArray[np.float64]] = {}
    distances: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(examples)
    logits: list[NDArray[np.float32] | None] = [None] * len(examples)
    for fold in folds:
        outside = set(fold.tolist())
        learners = fit_learners([e for i, e in enumerate(examples) if i not in outside], types, seed)
        for index in fold:
            cells = examples[index].cells
            for name, value in scores(learners, cells, top).items():
                found.setdefault(name, np.full(len(examples), np.nan))[index] = value
            distances[index] = patch_distances(learners.memory, cells)
            if learners.pixel is not None:
                logits[index] = pixel_logits(learners.pixel, cells)
        advance()
    # A learner that some fold could not fit cannot be compared; it is left out.
    complete = {name: values for name, values in found.items() if np.isfinite(values).all()}
    return HeldOut(complete, distances, logits, len(folds))


def settled(held: HeldOut, learners: Learners, examples: Sequence[Example], top: int) -> HeldOut:
    """Held-out scores as the final memory would give them.

    The final memory holds more normal pictures than that of any fold, so its distances are a little smaller. No
    anomalous picture is in it, so it scores those as it will score new ones: they get its scores, and the normal
    ones are scaled by the median ratio seen on them.
    """
    memory, distances = held.scores["memory"].copy(), list(held.distances)
    anomalous = [index for index, example in enumerate(examples) if example.anomalous]
    if not anomalous:
        return held
    for index in anomalous:
        cells = examples[index].cells
        memory[index] = picture_score(learners.memory, cells, top)
        distances[index] = patch_distances(learners.memory, cells)
    ratio = float(np.median(memory[anomalous] / np.maximum(held.scores["memory"][anomalous], 1e-9)))
    for index, example in enumerate(examples):
        if not example.anomalous:
            memory[index] *= ratio
            distances[index] = distances[index] * np.float32(ratio)
    return replace(held, scores={**held.scores, "memory": memory}, distances=distances)


def make_folds(examples: Sequence[Example], most: int, seed: int) -> list[NDArray[np.int64]]:
    """Up to ``most`` folds with all sorts of pictures in each; one picture a fold where there are no more.

    Pictures that are nearly the same are held out together: a twin in the memory would make them look too normal.
    """
    rng = np.random.default_rng((seed, 3))
    groups = independent(examples)
    count = min(most, len(groups))
    order: list[list[int]] = []
    for stratum in sorted({example.stratum for example in examples}):
        members = [group for group in groups if examples[group[0]].stratum == stratum]
        order += [members[index] for index in rng.permutation(len(members))]
    parts = (chain.from_iterable(order[start::count]) for start in range(count))
    return [np.array(sorted(part), np.int64) for part in parts]


def independent(examples: Sequence[Example]) -> list[list[int]]:
    """Indices of the examples, those that are nearly the same together.

    Where that would leave fewer than two groups of normal pictures, each picture is one.
    """
    groups: dict[str, list[int]] = {}
    for index, example in enumerate(examples):
        groups.setdefault(example.group or f"/{index}", []).append(index)
    if sum(not examples[group[0]].anomalous for group in groups.values()) < 2:
        return [[index] for index in range(len(examples))]
    return list(groups.values())


def normal_groups(examples: Sequence[Example]) -> list[list[int]]:
    """Those of ``independent`` that are normal."""
    return [group for group in independent(examples) if not examples[group[0]].anomalous]


def _clean(cells: Cells, types: int) -> NDArray[np.float32]:
    return np.zeros((types, len(cells)), np.float32)
