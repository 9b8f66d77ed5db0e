"""What an evaluation asks of real models: their own results, and what they would say at a lower threshold."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.evaluation import evaluate
from belvedere.evaluation.subject import LOWEST_SCORE, Subject, widened
from belvedere.runtime import Model
from belvedere.vision.encode import png_bytes
from helpers.instances import thing
from helpers.squares import DECODERS, SQUARE, picture_with_squares, squares_artifact, squares_network

PLACES = [(5, 8), (40, 30)]
PICTURE = picture_with_squares(64, 64, PLACES)


def dim(task="detection", factor=0.2):
    """A model whose scores stay below its threshold of 0.3."""
    decoder = DECODERS[task]
    return squares_artifact(task, decoder=decoder, files={"network.onnx": squares_network(task, factor)})


@pytest.mark.parametrize("task", ["detection", "instance-segmentation"])
def test_a_lower_threshold_shows_what_the_model_keeps_for_itself(task):
    artifact = dim(task)
    before = artifact.manifest.model_dump()
    with Model(artifact) as model:
        seen = Subject(model).see(png_bytes(PICTURE))
        assert len(model.predict(PICTURE)) == len(seen.own) == 0
        corners = {tuple(box[:2]) for box in seen.wide.boxes_xyxy.round().astype(int).tolist()}
        assert set(PLACES) <= corners
        assert (seen.wide.scores >= np.float32(LOWEST_SCORE)).all()
        assert seen.seconds > 0
    assert artifact.manifest.model_dump() == before


def test_its_own_result_is_what_predict_gives():
    with Model(squares_artifact()) as model:
        seen = Subject(model).see(PICTURE)
        assert seen.own.to_dict() == model.predict(PICTURE).to_dict()
        assert len(seen.own) == 2


def test_limits_and_thresholds_are_opened_never_narrowed():
    manifest = squares_artifact().manifest
    wide = widened(manifest).decoder
    assert (wide.threshold, wide.most, wide.iou) == (LOWEST_SCORE, 100, manifest.decoder.iou)
    lower = squares_artifact(decoder={**DECODERS["detection"], "threshold": 0.0, "most": 5000}).manifest
    assert (widened(lower).decoder.threshold, widened(lower).decoder.most) == (0.0, 5000)
    inner = widened(squares_artifact("instance-segmentation").manifest).decoder.boxes
    assert (inner.threshold, inner.most) == (LOWEST_SCORE, 300)
    assert widened(squares_artifact("semantic-segmentation").manifest) is None


@pytest.mark.parametrize("task", ["detection", "instance-segmentation", "semantic-segmentation"])
def test_a_real_model_is_judged_through_the_facade(task, tmp_path):
    records = []
    for number, places in enumerate([PLACES, [(20, 20)], []]):
        path = tmp_path / f"{number}.png"
        Image.fromarray(picture_with_squares(64, 64, places)).save(path)
        instances = tuple(thing("square", x, y, x + SQUARE, y + SQUARE) for x, y in places)
        records.append(Record(path.name, path, instances=instances))
    dataset = Dataset(tuple(records), "squares", classes=("black", "square") if "semantic" in task else ("square",))
    with Model(squares_artifact(task)) as model:
        if task == "semantic-segmentation":
            # Nothing is called background, so only the squares themselves are judged.
            report = model.evaluate(dataset, bootstrap=0)
            assert report.per_class["square"]["accuracy"] == 1.0
            return
        report = model.evaluate(dataset, bootstrap=0, progress=lambda *_: None)
        assert (report.ap50, report.precision, report.recall) == pytest.approx((1.0, 1.0, 1.0))
        assert report.threshold == 0.3
        if task == "instance-segmentation":
            assert report.mask_ap50 == pytest.approx(1.0)
    with Model(dim("detection")) as model:
        report = evaluate(model, dataset, bootstrap=0)
        assert report.ap50 == pytest.approx(1.0)  # ranks well, though
        assert (report.recall, report.precision) == (0.0, None)  # nothing reaches its threshold
