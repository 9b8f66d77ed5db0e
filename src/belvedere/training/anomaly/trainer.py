"""The whole training: from a dataset to an artifact."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from belvedere.data.dataset import Dataset
from belvedere.data.seen import SEEN_REPORT, seen_report
from belvedere.runtime.artifact import Artifact
from belvedere.tasks.anomaly.metrics import auroc
from belvedere.training.anomaly.calibration import (
    heat_from_masks,
    heat_from_normals,
    verdict_from_labels,
    verdict_from_normals,
)
from belvedere.training.anomaly.geometry import native_side
from belvedere.training.anomaly.learners import fit_learners, normal_groups, settled
from belvedere.training.anomaly.loading import Views
from belvedere.training.anomaly.options import LARGEST_SIZE, TrainOptions
from belvedere.training.anomaly.pictures import Pictures, choose_pictures, limited
from belvedere.training.anomaly.publish import Trained, build_artifact
from belvedere.training.anomaly.scoring import Scoring
from belvedere.training.anomaly.shapes import stretched_region
from belvedere.training.anomaly.sizes import Trial, choose_size, make_geometry, most_pictures
from belvedere.training.anomaly.turns import natural_turns
from belvedere.training.backbones import Backbone, bundled_backbone
from belvedere.vision.decode import load_image

Progress = Callable[[str, int, int], None]
"""Called with the stage's name, steps done, and steps in all."""


_USEFUL = 0.6
_NOT_TOLD_APART = (
    "held-out normal and anomalous pictures were hardly told apart (AUROC {:.2f}): scored by distance from the normal "
    "pictures alone; a larger size, tiling, a region of interest or more pictures may help"
)


def train(
    dataset: Dataset,
    options: TrainOptions | None = None,
    progress: Progress | None = None,
    backbone: Backbone | None = None,
) -> Artifact:
    """Train an anomaly model.

    Learns from the dataset's ``train`` part if it has parts, else from all its labelled pictures. With normal
    pictures alone the model is a nearest-normal memory; labelled anomalous pictures add a picture head, masks a
    pixel head, and cross-validation weighs them.

    Args:
        dataset: Labelled pictures.
        options: What the user chose; defaults otherwise.
        progress: Told about stages and steps.
        backbone: The feature network, whatever ``options`` name; the bundled one named there by default.

    Returns:
        The artifact. Equal data, options, versions and machine give an equal digest; measurements of the
        training lie in ``reports/training.json``, the hashes of its pictures in ``reports/pictures.json``.

    Raises:
        TrainingError: too few usable normal pictures.
        OptionError: an option does not fit the data, or names an unknown backbone.
    """
    options = options or TrainOptions()
    report = progress or _silent
    backbone = backbone or bundled_backbone(options.backbone)
    began = time.perf_counter()
    pictures = choose_pictures(
        dataset,
        options.normal_only,
        options.exif,
        lambda done, total: report("checking pictures", done, total),
    )
    roi = None if options.roi is None else load_image(options.roi)
    if roi is not None:
        notes = stretched_region((roi.shape[1], roi.shape[0]), pictures.sizes)
        pictures = replace(pictures, notes=(*pictures.notes, *notes))
    sides = _sides(options, pictures)
    first = make_geometry(pictures, sides[0], backbone, options.tile, roi)
    rng = np.random.default_rng((options.seed, 0))
    pictures = limited(pictures, most_pictures(first, backbone), lambda n: rng.permutation(n).tolist())
    views = Views()
    if roi is None and not options.tile:
        views = natural_turns(pictures, backbone, first, options, report)
    if pictures.labelled and not views.angles:
        mirrored = Views(mirrored=True)
        fits = len(pictures.records) * mirrored.count <= most_pictures(first, backbone)
        views = mirrored if fits else views
    trial = choose_size(pictures, sides, backbone, options, views, roi, report)
    artifact = build_artifact(_finish(trial, pictures, backbone, options, views, dataset))
    measured = {
        "seconds": round(time.perf_counter() - began, 3),
        "pictures": len(pictures.records),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    artifact = artifact.with_report("training.json", json.dumps(measured, indent=2).encode() + b"\n")
    return artifact.with_report(SEEN_REPORT, seen_report(pictures.hashes[record.name] for record in pictures.records))


def _silent(_stage: str, _done: int, _total: int) -> None:
    pass


def _sides(options: TrainOptions, pictures: Pictures) -> tuple[int, ...]:
    """Input sizes to compare; the first is the default.

    A smaller one only where labels can tell: drawn probes are small, and never ask for it.
    """
    if options.size != "auto":
        return (int(options.size),)
    if options.tile:
        return (native_side(pictures.sizes, LARGEST_SIZE // 2),)
    return (256, 192, 384) if pictures.labelled else (256, 384)


def _finish(
    trial: Trial,
    pictures: Pictures,
    backbone: Backbone,
    options: TrainOptions,
    views: Views,
    dataset: Dataset,
) -> Trained:
    """Calibrate on the held-out scores and fit the final learners on everything."""
    anomalous = np.array([example.anomalous for example in trial.examples])
    learners = fit_learners(trial.examples, len(pictures.types), options.seed)
    held = settled(trial.held, learners, trial.examples, trial.geometry.top)
    groups = normal_groups(trial.examples)
    logits: NDArray[np.float64] | None = None
    if pictures.labelled:
        verdict, logits = verdict_from_labels(held, anomalous, groups, options.false_alarms)
        found = auroc(logits, anomalous) or 0.0
        if found < _USEFUL:
            pictures = replace(pictures, notes=(*pictures.notes, _NOT_TOLD_APART.format(found)))
            verdict = verdict_from_normals(held, groups, options.false_alarms)
    else:
        verdict = verdict_from_normals(held, groups, options.false_alarms)
    heat = heat_from_masks(held, trial.examples, trial.geometry) if pictures.types else None
    types = pictures.types if heat is not None and learners.pixel is not None else ()
    scoring = Scoring(
        learners=learners if types else replace(learners, pixel=learners.pixel if "pixel" in verdict.names else None),
        names=verdict.names,
        floors=verdict.floors,
        picture=verdict.stack,
        cell=heat_from_normals(held, groups, options.false_alarms) if heat is None else heat[0],
        types=len(types),
        thin=heat is not None and heat[1],
    )
    return Trained(
        scoring=scoring, verdict=verdict, geometry=trial.geometry, backbone=backbone, pictures=pictures,
        types=types, options=options, views=views, held=held, logits=logits, anomalous=anomalous,
        sizes=trial.compared, colors=dict(dataset.colors),
    )  # fmt: skip
