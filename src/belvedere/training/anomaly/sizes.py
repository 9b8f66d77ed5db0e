"""Choosing the input size by cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from belvedere.tasks.anomaly.metrics import auroc
from belvedere.training.anomaly.calibration import verdict_from_labels
from belvedere.training.anomaly.features import extract
from belvedere.training.anomaly.geometry import Geometry, input_sides, roi_cells
from belvedere.training.anomaly.learners import Example, HeldOut, held_out, make_folds, normal_groups
from belvedere.training.anomaly.loading import Views, load_examples
from belvedere.training.anomaly.memory import fit_memory, picture_score
from belvedere.training.anomaly.options import TrainOptions
from belvedere.training.anomaly.pictures import Pictures
from belvedere.training.anomaly.probes import with_probe
from belvedere.training.backbones import Backbone
from belvedere.vision.resize import resize_map

FOLDS_LABELLED, FOLDS_NORMAL, FOLDS_BRIEF = 5, 10, 3
_CELL_BYTES = 320 * 1024**2
_BETTER, _BETTER_ON_PROBES = 0.01, 0.1
_MOST_PROBES = 40
Report = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Trial:
    """Cross-validation at one input size.

    Attributes:
        geometry: The size.
        examples: Features of all training pictures.
        held: Held-out scores.
        quality: Held-out AUROC: on labelled anomalies, or on drawn probes where there are none; None where it
            was not needed.
        compared: Side to quality of every size tried.
    """

    geometry: Geometry
    examples: list[Example]
    held: HeldOut
    quality: float | None
    compared: Mapping[int, float] = field(default_factory=dict)


def make_geometry(
    pictures: Pictures, side: int, backbone: Backbone, tile: bool, roi: NDArray[np.uint8] | None
) -> Geometry:
    """Input and grid for one size."""
    width, height = input_sides(pictures.sizes, side, backbone.multiple)
    geometry = Geometry(width, height, backbone.stride, tile)
    return geometry if roi is None else replace(geometry, roi=roi_cells(roi, geometry))


def most_pictures(geometry: Geometry, backbone: Backbone) -> int:
    """How many pictures' features fit into the memory set aside for them."""
    return max(16, _CELL_BYTES // (len(geometry.cells) * backbone.channels * 2))


def choose_size(
    pictures: Pictures,
    sides: tuple[int, ...],
    backbone: Backbone,
    options: TrainOptions,
    views: Views,
    roi: NDArray[np.uint8] | None,
    report: Report,
) -> Trial:
    """Compare input sizes by cross-validation and run the whole trial at the best.

    The first side is the default; another must beat it by 0.01 AUROC on labelled pictures, or by 0.1 on drawn
    probes, which only resemble real defects: on surfaces, small ones gain from a size at which real and wider ones
    lose. A larger side is not tried where a smaller one wins or the default leaves nothing to win. Sizes whose
    features would not fit into memory are not tried.

    Where training adds mirrored copies, sizes are compared without them and with fewer folds.
    """
    geometries = {side: make_geometry(pictures, side, backbone, options.tile, roi) for side in sides}

    def trial(side: int, chosen: Views, folds: int | None, judge: bool) -> Trial:
        return run_trial(pictures, geometries[side], backbone, options, chosen, folds, judge, report)

    if len(sides) == 1:
        return trial(sides[0], views, None, judge=False)
    margin = _BETTER if pictures.labelled else _BETTER_ON_PROBES
    brief = replace(views, mirrored=False)
    folds = FOLDS_BRIEF if views.mirrored else None
    found = {sides[0]: trial(sides[0], brief, folds, judge=True)}
    best = sides[0]
    for side in sorted(sides[1:]):
        fits = len(pictures.records) * views.count <= most_pictures(geometries[side], backbone)
        lacking = (found[best].quality or 0) <= 1 - margin
        if not fits or not lacking or best != sides[0]:
            continue
        found[side] = trial(side, brief, folds, judge=True)
        if (found[side].quality or 0) > (found[best].quality or 0) + margin:
            best = side
    compared = {side: round(tried.quality, 4) for side, tried in found.items() if tried.quality is not None}
    final = found[best] if brief == views else trial(best, views, None, judge=False)
    return replace(final, compared=compared)


def run_trial(
    pictures: Pictures,
    geometry: Geometry,
    backbone: Backbone,
    options: TrainOptions,
    views: Views,
    folds: int | None,
    judge: bool,
    report: Report,
) -> Trial:
    """Features and held-out scores at one size, judged where several sizes compete.

    ``folds`` is how many; None for what suits the labels.
    """
    steps = len(pictures.records) * views.count
    done = iter(range(1, steps + 1))
    stage = f"features at {geometry.width} x {geometry.height}"
    examples = load_examples(
        pictures.records, pictures.types, backbone, geometry, views, options.exif,
        lambda: report(stage, next(done), steps),
    )  # fmt: skip
    examples = [
        replace(each, group=pictures.groups.get(r.name, "")) for each, r in zip(examples, pictures.records, strict=True)
    ]
    most = folds or (FOLDS_LABELLED if pictures.labelled else FOLDS_NORMAL)
    parts = make_folds(examples, most, options.seed)
    folded = iter(range(1, len(parts) + 1))
    held = held_out(
        examples, parts, len(pictures.types), geometry.top, options.seed,
        lambda: report("cross-validation", next(folded), len(parts)),
    )  # fmt: skip
    quality = None
    if judge:
        anomalous = np.array([example.anomalous for example in examples])
        if pictures.labelled:
            quality = auroc(verdict_from_labels(held, anomalous, normal_groups(examples), None)[1], anomalous)
        else:
            quality = _probe_quality(pictures, examples, parts, backbone, geometry, options)
    return Trial(geometry, examples, held, quality)


def _probe_quality(
    pictures: Pictures,
    examples: list[Example],
    folds: list[NDArray[np.int64]],
    backbone: Backbone,
    geometry: Geometry,
    options: TrainOptions,
) -> float | None:
    """Held-out AUROC of the memory between normal pictures and copies with one drawn defect each."""
    rng = np.random.default_rng((options.seed, 5))
    chosen = rng.permutation(len(examples))[:_MOST_PROBES].tolist()

    def probes() -> list[NDArray[np.uint8]]:
        drawn = []
        for index in chosen:
            picture = pictures.records[index].image(exif=options.exif)
            inside = None
            if geometry.roi is not None:
                height, width = picture.shape[:2]
                inside = resize_map(geometry.roi.astype(np.float32), width, height) >= 0.5
            drawn.append(with_probe(picture, np.random.default_rng((options.seed, 6, index)), inside))
        return drawn

    grids = extract(probes(), backbone, geometry)
    cells = {index: grid[geometry.cells] for index, grid in zip(chosen, grids, strict=True)}
    values, labels = [], []
    for fold in folds:
        inside_fold = [int(index) for index in fold if int(index) in cells]
        if not inside_fold:
            continue
        outside = set(fold.tolist())
        views = [
            view[valid]
            for i, example in enumerate(examples)
            if i not in outside
            for view, valid in zip(example.views, example.valid, strict=True)
        ]
        memory = fit_memory(views, len(views), np.random.default_rng((options.seed, 1)))
        for index in inside_fold:
            values += [
                picture_score(memory, examples[index].cells, geometry.top),
                picture_score(memory, cells[index], geometry.top),
            ]
            labels += [False, True]
    return auroc(np.array(values), np.array(labels))
