"""The learners side by side: fitted together, scored together, cross-validated together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.training.anomaly.features import Cells
from belvedere.training.anomaly.memory import Memory, fit_memory, patch_distances, picture_score
from belvedere.training.anomaly.pixel import (
    PixelExample,
    PixelHead,
    fit_pixel_head,
    pixel_logits,
    pixel_score,
)
from belvedere.training.anomaly.supervised import PictureHead, fit_picture_head, head_score, pool


@dataclass(frozen=True, eq=False)
class Example:
    """One training picture as the learners see it.

    Attributes:
        views: Feature cells (P, C) of the picture and, where turned copies help, of those; the picture first.
        valid: Per view the cells that show the picture and not what filled its corners, bool (P,).
        anomalous: Its label.
        cover: Per anomaly type the share of each cell that its mask covers, float32 (T, P); None without a mask.
        stratum: Label and kind, for folds that hold all sorts.
    """

    views: tuple[Cells, ...]
    valid: tuple[NDArray[np.bool_], ...]
    anomalous: bool
    cover: NDArray[np.float32] | None
    stratum: str

    @property
    def cells(self) -> Cells:
        """Cells of the picture as it is."""
        return self.views[0]


@dataclass(frozen=True, eq=False)
class Learners:
    """What was fitted; None for a learner that the data do not allow."""

    memory: Memory
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
        pooled = np.stack([pool(view) for view, _ in rows])
        picture = fit_picture_head(pooled, np.array([label for _, label in rows]))
    if types and anomalous:
        marked = [
            PixelExample(example.cells, _cover(example, types))
            for example in examples
            if example.cover is not None or not example.anomalous
        ]
        pixel = fit_pixel_head(marked, types, np.random.default_rng((seed, 2)))
    return Learners(memory, picture, pixel)


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


def make_folds(examples: Sequence[Example], most: int, seed: int) -> list[NDArray[np.int64]]:
    """Up to ``most`` folds with all sorts of pictures in each; one picture a fold where there are no more."""
    rng = np.random.default_rng((seed, 3))
    count = min(most, len(examples))
    order: list[int] = []
    for stratum in sorted({example.stratum for example in examples}):
        members = np.array([i for i, example in enumerate(examples) if example.stratum == stratum])
        order += rng.permutation(members).tolist()
    return [np.array(sorted(order[start::count]), np.int64) for start in range(count)]


def _cover(example: Example, types: int) -> NDArray[np.float32]:
    return example.cover if example.cover is not None else np.zeros((types, len(example.cells)), np.float32)
