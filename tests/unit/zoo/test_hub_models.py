"""Every architecture of the zoo, from a hub to results: equal to what transformers itself says about the picture.

Checkpoints are tiny and random, the hub runs in this process. Exporting happens in one process with the program, as a
user does it; comparing happens here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from belvedere.runtime import Artifact, Model
from belvedere.runtime.dispatch import preprocess_of
from helpers.hub import MISSING, commit_of, hub_environment, local_hub, needs_train_extra
from helpers.zoo_checkpoints import LABELS, NETWORKS, make_zoo_checkpoint

# The first test waits for all exports.
pytestmark = [pytest.mark.train_extra, pytest.mark.slow, pytest.mark.timeout(1800), needs_train_extra]

EXPORT = """
import sys
from belvedere.cli.root import run
folder, *words = sys.argv[1:]
for word in words:
    name, _, task = word.partition("=")
    options = ["--task", task] if task else []
    code = run(["models", "export", "hub:tiny/" + name, "--out", f"{folder}/{word}.tar.gz", *options])
    if code:
        raise SystemExit(f"{word}: {code}")
"""
DETECTORS = ("rt-detr-v2", "rt-detr", "d-fine", "rf-detr", "detr")
CLASSIFIERS = ("convnext", "convnext-v2", "resnet", "vit", "dinov2", "dinov2-registers")
INSTANCES = ("mask2former=instance-segmentation", "eomt=instance-segmentation")
SEMANTIC = ("mask2former=semantic-segmentation", "eomt=semantic-segmentation", "segformer")
POSES = ("vitpose", "vitpose-classic")
EVERY = (*DETECTORS, *CLASSIFIERS, *INSTANCES, *SEMANTIC, *POSES, "rf-detr-seg")


@dataclass(frozen=True)
class Exported:
    """What was exported, and the checkpoints that it is of."""

    hub: Path
    folder: Path

    def artifact(self, word: str) -> Artifact:
        return Artifact.load(self.folder / f"{word}.tar.gz")

    def network(self, word: str) -> Any:
        """The same checkpoint, loaded by transformers."""
        import transformers

        name = word.partition("=")[0]
        kind = getattr(transformers, NETWORKS[name][0])
        return kind.from_pretrained(self.hub / "tiny" / name).eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("zoo")
    for name in NETWORKS:
        make_zoo_checkpoint(folder / "hub" / "tiny" / name, name)
    out = folder / "out"
    out.mkdir()
    with local_hub(folder / "hub") as hub:
        done = subprocess.run(
            [sys.executable, "-c", EXPORT, str(out), *EVERY],
            env=hub_environment(hub.url, folder / "cache", BELVEDERE_CACHE="off"),
            capture_output=True, text=True, check=False, timeout=1700,
        )  # fmt: skip
        asked = {line.split("?")[0].rpartition("/")[2] for line in hub.asked}
    assert done.returncode == 0, done.stderr
    assert asked == {"config.json", "preprocessor_config.json", "README.md", "model.safetensors"}
    return Exported(folder / "hub", out)


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """Something to look at in 4:3: smooth, so that resizing is no noise."""
    y, x = np.mgrid[:120, :160]
    waves = [127 + 120 * np.sin(x / a + y / b) for a, b in ((9, 31), (23, 7), (14, 13))]
    return np.stack(waves, axis=2).astype(np.uint8)


def run_by_torch(exported: Exported, word: str, picture: NDArray[np.uint8]) -> Any:
    """What transformers' network says about the tensor that the artifact makes of the picture."""
    import torch

    tensor = preprocess_of(exported.artifact(word).manifest).apply(picture)
    with torch.no_grad():
        return exported.network(word)(pixel_values=torch.from_numpy(tensor))


@pytest.mark.parametrize("word", EVERY)
def test_outputs_are_those_of_the_network(exported: Exported, picture: NDArray[np.uint8], word: str) -> None:
    artifact = exported.artifact(word)
    expected = run_by_torch(exported, word, picture)
    with Model(artifact) as model:
        found = model.run(preprocess_of(artifact.manifest).apply(picture))
    assert [output.name for output in artifact.manifest.outputs]
    for output, value in zip(artifact.manifest.outputs, found, strict=True):
        wanted = getattr(expected, output.name).numpy()
        assert np.abs(value - wanted).max() <= 1e-3 * max(1.0, np.abs(wanted).max()), output.name
        assert wanted.std() > 1e-3, "the test's network says the same everywhere"


def test_provenance(exported: Exported) -> None:
    manifest = exported.artifact("rt-detr-v2").manifest
    facts = manifest.provenance["zoo"]
    assert isinstance(facts, dict)
    assert facts["commit"] == commit_of("tiny/rt-detr-v2")
    assert (facts["repository"], facts["revision"], facts["licence"]) == ("tiny/rt-detr-v2", "main", "Apache-2.0")
    assert facts["architecture"] == "RTDetrV2ForObjectDetection"
    assert manifest.labels == LABELS
    report = json.loads(bytes(exported.artifact("rt-detr-v2").reports["compile.json"]))
    assert report["digest"] == exported.artifact("rt-detr-v2").digest


@pytest.mark.parametrize("word", DETECTORS)
def test_detections(exported: Exported, picture: NDArray[np.uint8], word: str) -> None:
    from transformers.models.detr.image_processing_pil_detr import DetrImageProcessorPil
    from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil

    processor: Any = DetrImageProcessorPil if word == "detr" else RTDetrImageProcessorPil
    raw = run_by_torch(exported, word, picture)
    threshold = exported.artifact(word).manifest.decoder.threshold  # type: ignore[union-attr]
    (expected,) = processor.post_process_object_detection(None, raw, threshold, [picture.shape[:2]])
    with Model(exported.artifact(word)) as model:
        found = model.predict(picture)
    wanted = expected["boxes"].numpy().clip(0, [160, 120, 160, 120])
    # Boxes that lie beside the picture are left out, as are those without an area.
    shown = np.all(wanted[:, 2:] > wanted[:, :2], axis=1)
    assert shown.any()
    match_rows(found, wanted[shown], expected["scores"].numpy()[shown], expected["labels"].numpy()[shown])


def match_rows(
    found: Any, boxes: NDArray[np.floating], scores: NDArray[np.floating], classes: NDArray[np.integer]
) -> None:
    """The same things with the same scores and boxes; nearly equal scores may swap."""
    assert len(found) == len(scores)
    left = set(range(len(scores)))
    for box, score, kind in zip(found.boxes_xyxy, found.scores, found.class_ids, strict=True):
        near = [
            at
            for at in left
            if kind == classes[at] and abs(score - scores[at]) <= 1e-3 and np.abs(box - boxes[at]).max() <= 0.2
        ]
        assert near, f"no {kind} of {score} at {box}"
        left.discard(near[0])


@pytest.mark.parametrize("word", CLASSIFIERS)
def test_classes(exported: Exported, picture: NDArray[np.uint8], word: str) -> None:
    expected = run_by_torch(exported, word, picture).logits.softmax(-1)[0].numpy()
    with Model(exported.artifact(word)) as model:
        found = model.predict(picture)
    assert np.abs(found.scores - expected).max() <= 1e-3
    assert found.label == LABELS[int(expected.argmax())]


@pytest.mark.parametrize("word", SEMANTIC)
def test_classes_of_pixels(exported: Exported, picture: NDArray[np.uint8], word: str) -> None:
    from transformers.models.mask2former.image_processing_pil_mask2former import Mask2FormerImageProcessorPil
    from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

    raw = run_by_torch(exported, word, picture)
    processor: Any = SegformerImageProcessorPil if word == "segformer" else Mask2FormerImageProcessorPil
    size = picture.shape[:2]
    if word.startswith("eomt"):
        # Its input holds the picture in the upper part, 96x72 of 96x96: read there what belongs to the picture.
        raw.masks_queries_logits = raw.masks_queries_logits[:, :, :18]
    (expected,) = processor.post_process_semantic_segmentation(None, raw, [size])
    with Model(exported.artifact(word)) as model:
        found = model.predict(picture)
    agreeing = float((found.class_map == expected.numpy()).mean())
    # At borders between classes the interpolation decides; Mask2Former's is done twice, over a map of fixed size.
    assert agreeing >= (0.995 if word == "segformer" else 0.97)
    assert len(np.unique(expected)) > 1


@pytest.mark.parametrize("word", INSTANCES)
def test_things_with_masks(exported: Exported, picture: NDArray[np.uint8], word: str) -> None:
    import torch
    from torch.nn import functional

    raw = run_by_torch(exported, word, picture)
    logits, masks = raw.class_queries_logits[0], raw.masks_queries_logits[0]
    manifest = exported.artifact(word).manifest
    resize = manifest.inputs[0].resize  # type: ignore[union-attr]
    # As post_process_instance_segmentation does it, up to the choice of what overlaps what, which it makes for one map.
    whole = functional.interpolate(masks[None], (resize.height, resize.width), mode="bilinear")[0]
    chances = logits.softmax(-1)[:, :-1]
    if word.startswith("eomt"):
        scores, labels = chances.max(-1)
        queries = torch.arange(len(scores))
    else:
        scores, order = chances.flatten().topk(len(logits), sorted=False)
        queries, labels = order // chances.shape[1], order % chances.shape[1]
    # Of EoMT's square input the picture takes the upper 72 rows.
    own = whole[queries][:, : 72 if word.startswith("eomt") else None]
    inside = (own > 0).float()
    sure = (own.sigmoid() * inside).flatten(1).sum(1) / (inside.flatten(1).sum(1) + 1e-6)
    final = (scores * sure).numpy()
    with Model(exported.artifact(word)) as model:
        found = model.predict(picture)
    threshold = manifest.decoder.threshold  # type: ignore[union-attr]
    expected = sorted(
        (float(score), int(label), bool(inside[at].any()))
        for at, (score, label) in enumerate(zip(final, labels, strict=True))
        if score >= threshold and inside[at].any()
    )
    got = sorted(zip(found.scores.tolist(), found.class_ids.tolist(), strict=True))
    assert expected, "nothing is found, so nothing is tested"
    assert len(got) <= len(expected)
    for score, label in got:
        assert any(abs(score - wanted) <= 1e-3 and label == kind for wanted, kind, _ in expected), (score, label)


def test_detections_with_masks(exported: Exported, picture: NDArray[np.uint8]) -> None:
    from torch.nn import functional

    raw = run_by_torch(exported, "rf-detr-seg", picture)
    with Model(exported.artifact("rf-detr-seg")) as model:
        found = model.predict(picture)
    chances = raw.logits[0].sigmoid()
    threshold = exported.artifact("rf-detr-seg").manifest.decoder.boxes.threshold  # type: ignore[union-attr]
    scores, order = chances.flatten().topk(len(chances))
    whole = functional.interpolate(raw.pred_masks, picture.shape[:2], mode="bilinear")[0] > 0
    expected = [
        (float(score), int(at) % chances.shape[1], whole[int(at) // chances.shape[1]].numpy())
        for score, at in zip(scores, order, strict=True)
        if score >= threshold
    ]
    assert expected
    assert len(found)
    for place, (score, kind) in enumerate(zip(found.scores.tolist(), found.class_ids.tolist(), strict=True)):
        near = [mask for wanted, label, mask in expected if abs(score - wanted) <= 1e-3 and kind == label]
        own = found.masks[place].to_mask()
        # Of masks cut at the box of the thing only what is inside the box counts.
        assert any(float((own & mask).sum()) >= 0.97 * float(own.sum()) for mask in near), (score, kind)


@pytest.mark.parametrize("word", POSES)
def test_joints(exported: Exported, picture: NDArray[np.uint8], word: str) -> None:
    from transformers.models.vitpose.image_processing_pil_vitpose import (
        get_keypoint_predictions,
        post_dark_unbiased_data_processing,
    )

    heatmaps = run_by_torch(exported, word, picture).heatmaps.numpy()
    coordinates, scores = get_keypoint_predictions(heatmaps)
    cells = post_dark_unbiased_data_processing(coordinates, heatmaps.copy(), kernel=11)[0]
    with Model(exported.artifact(word)) as model:
        found = model.predict(picture)
    assert np.abs(found.keypoint_scores[0] - scores[0, :, 0]).max() <= 1e-3
    # UDP: the middles of the outer cells lie on the middles of the outer pixels (Huang et al. 2020).
    placed = preprocess_of(exported.artifact(word).manifest).placement(160, 120)
    expected = cells * np.array([191 / 47, 255 / 63]) + 0.5
    got = found.keypoints_xy[0] * [placed.scale_x, placed.scale_y] + [placed.offset_x, placed.offset_y]
    # Random maps send some joints far off; what is not on the picture is moved to its border.
    inside = np.all((expected > [0, 56]) & (expected < [192, 200]), axis=1)
    assert inside.sum() >= 3
    assert np.abs(got - expected)[inside].max() <= 1e-2


PROCESSORS = {
    "rt-detr-v2": ("rt_detr", "RTDetrImageProcessorPil"),
    "detr": ("detr", "DetrImageProcessorPil"),
    "mask2former=instance-segmentation": ("mask2former", "Mask2FormerImageProcessorPil"),
    "eomt=instance-segmentation": ("eomt", "EomtImageProcessorPil"),
    "segformer": ("segformer", "SegformerImageProcessorPil"),
    "convnext": ("convnext", "ConvNextImageProcessorPil"),
    "resnet": ("convnext", "ConvNextImageProcessorPil"),
    "vit": ("vit", "ViTImageProcessorPil"),
    "dinov2": ("bit", "BitImageProcessorPil"),
}


@pytest.mark.parametrize("word", PROCESSORS)
def test_pictures_are_prepared_as_by_transformers(exported: Exported, picture: NDArray[np.uint8], word: str) -> None:
    """Against the processors of transformers that need no torchvision."""
    import importlib

    from PIL import Image

    package, kind = PROCESSORS[word]
    module = importlib.import_module(f"transformers.models.{package}.image_processing_pil_{package}")
    settings = {key: value for key, value in NETWORKS[word.partition("=")[0]][3].items() if "type" not in key}
    processor = getattr(module, kind)(**settings)
    expected = np.asarray(processor(images=Image.fromarray(picture), return_tensors="np")["pixel_values"])[0]
    found = preprocess_of(exported.artifact(word).manifest).apply(picture)[0]
    assert found.shape == expected.shape
    # Where a crop is cut out, ours resizes only that part: the outermost pixels see nothing beyond it.
    cropped = word in ("convnext", "resnet", "dinov2")
    inner = np.abs(found - expected)[:, 3:-3, 3:-3] if cropped else np.abs(found - expected)
    assert inner.max() <= (2.01 / 255 / 0.2 if cropped else 1e-5)
    assert np.abs(found - expected).mean() <= (1e-3 if cropped else 1e-6)


def test_the_extra_is_known() -> None:
    assert not MISSING
