"""From what was trained to the artifact: network, manifest, and how it came about."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere._version import __version__
from belvedere.core.files import sha256_of
from belvedere.runtime.artifact import Artifact
from belvedere.tasks.anomaly.metrics import auroc, average_precision
from belvedere.training.anomaly.calibration import PIXEL_THRESHOLD, Verdict
from belvedere.training.anomaly.features import KERNEL
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.learners import HeldOut
from belvedere.training.anomaly.loading import Views
from belvedere.training.anomaly.options import TrainOptions
from belvedere.training.anomaly.pictures import Pictures
from belvedere.training.anomaly.scoring import Scoring, scoring_graph
from belvedere.training.backbones import Backbone
from belvedere.vision.colors import palette

NETWORK = "network.onnx"
_VERSIONED = ("numpy", "onnx", "openvino", "scikit-learn", "scipy", "pillow")


@dataclass(frozen=True, eq=False)
class Trained:
    """Everything that training found, before it becomes an artifact.

    Attributes:
        scoring: The scoring graph's parts.
        verdict: Threshold and how it came about.
        geometry: Network input.
        backbone: The feature network.
        pictures: What was learned from.
        types: Anomaly types the model tells apart.
        options: What the user chose.
        views: Turned copies.
        held: Held-out scores.
        logits: Held-out log-odds of the combined score, where there were labels.
        anomalous: Labels, in the order of the scores.
        sizes: Side to held-out quality where sizes were compared.
        colors: Colours that the dataset gives to types.
    """

    scoring: Scoring
    verdict: Verdict
    geometry: Geometry
    backbone: Backbone
    pictures: Pictures
    types: tuple[str, ...]
    options: TrainOptions
    views: Views
    held: HeldOut
    logits: NDArray[np.float64] | None
    anomalous: NDArray[np.bool_]
    sizes: Mapping[int, float]
    colors: Mapping[str, str]


def build_artifact(trained: Trained) -> Artifact:
    """Put network and manifest together."""
    geometry, backbone = trained.geometry, trained.backbone
    size = [geometry.height, geometry.width]
    outputs = [
        {"name": "score", "shape": [-1], "description": "calibrated anomaly score, 0..1"},
        {"name": "heatmap", "shape": [-1, *size], "description": "anomaly per pixel, 0..1"},
    ]
    if trained.types:
        names = ", ".join(("background", *trained.types))
        outputs.append(
            {
                "name": "types",
                "shape": [-1, len(trained.types) + 1, *size],
                "description": f"arg-max of {names}",
            }
        )
    spare = iter(
        color for color in palette(len(trained.types) + len(trained.colors)) if color not in trained.colors.values()
    )
    colors = [trained.colors.get(kind) or next(spare) for kind in trained.types]
    return Artifact.build(
        files={NETWORK: scoring_graph(backbone, geometry, trained.scoring)},
        task="anomaly",
        name=trained.options.name,
        labels=trained.types,
        network={"file": NETWORK, "format": "onnx", "opset": 18},
        inputs=[
            {
                "name": "image",
                "shape": [-1, 3, *size],
                "resize": {
                    "kernel": KERNEL,
                    "mode": "stretch",
                    "width": geometry.width,
                    "height": geometry.height,
                },
                "scale": 1 / 255,
                "mean": list(backbone.mean),
                "std": list(backbone.std),
                "exif": trained.options.exif,
            }
        ],
        outputs=outputs,
        decoder={
            "kind": "anomaly",
            "threshold": trained.verdict.threshold,
            "pixel_threshold": PIXEL_THRESHOLD,
            "types": list(trained.types),
            "colors": colors,
        },
        provenance={"made_by": f"belvedere {__version__}", "training": _facts(trained)},
    )


def _facts(trained: Trained) -> dict[str, Any]:
    verdict, options, pictures = trained.verdict, trained.options, trained.pictures
    learners = {name: round(w, 6) for name, w in zip(verdict.names, verdict.stack.weights, strict=True)}
    memory = trained.scoring.learners.memory
    return {
        "backbone": {
            "name": trained.backbone.name,
            "licence": trained.backbone.licence,
            "origin": trained.backbone.origin,
            "sha256": sha256_of(trained.backbone.network),
        },
        "pictures": {
            "normal": len(pictures.normal),
            "anomalous": len(pictures.anomalous),
            "with_masks": sum(record.mask is not None for record in pictures.records),
            "unusable": list(pictures.unusable),
            "unusable_masks": list(pictures.unusable_masks),
            "notes": list(pictures.notes),
        },
        "learners": learners,
        "shares": _shares(trained),
        "floors": {name: round(low, 6) for name, low in zip(verdict.names, verdict.floors, strict=True)},
        "memory": {"vectors": len(memory.vectors), "dimension": memory.vectors.shape[1]},
        "turned_copies": len(trained.views.angles),
        "mirrored_copies": trained.views.mirrored,
        "cross_validation": _cross_validation(trained),
        "heatmap_thinned": trained.scoring.thin,
        "threshold_rule": _rule(verdict),
        "options": {
            "size": options.size,
            "tile": options.tile,
            "roi": options.roi is not None,
            "normal_only": options.normal_only,
            "false_alarms": options.false_alarms,
            "seed": options.seed,
        },
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in _VERSIONED},
        },
    }


def _shares(trained: Trained) -> dict[str, float]:
    """How much each learner moves the score: its weight times the deviation of its held-out scores, of 1."""
    weights = zip(trained.verdict.names, trained.verdict.stack.weights, strict=True)
    moved = {name: abs(weight) * float(trained.held.scores[name].std()) for name, weight in weights}
    total = sum(moved.values()) or 1.0
    return {name: round(each / total, 3) for name, each in moved.items()}


def _cross_validation(trained: Trained) -> dict[str, Any]:
    found: dict[str, Any] = {"folds": trained.held.folds}
    if trained.logits is not None:
        found["learners"] = {name: _quality(values, trained.anomalous) for name, values in trained.held.scores.items()}
        found["combined"] = _quality(trained.logits, trained.anomalous)
    if trained.sizes:
        found["auroc_by_size"] = {str(side): value for side, value in trained.sizes.items()}
        found["size_judged_on"] = "labelled pictures" if trained.logits is not None else "drawn probes"
    return found


def _quality(values: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> dict[str, float | None]:
    figures = {"auroc": auroc(values, anomalous), "average_precision": average_precision(values, anomalous)}
    return {name: None if value is None else round(value, 4) for name, value in figures.items()}


def _rule(verdict: Verdict) -> dict[str, Any]:
    if verdict.limit is None:
        return {"rule": "f1", "description": "best F1 on cross-validated scores of the labelled pictures"}
    limit = verdict.limit
    return {
        "rule": "false_alarms",
        "description": "normal pictures exceed it at most at this rate, if new ones are like those of the training",
        "rate": round(limit.rate, 6),
        "asked": limit.asked,
        "pictures_needed": limit.needed,
    }
