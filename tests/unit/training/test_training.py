"""The whole training on a tiny backbone: manifest, network, and what every option does to them."""

from __future__ import annotations

import json
import platform
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from belvedere.core.errors import OptionError
from belvedere.data.open import open_dataset
from belvedere.data.seen import SEEN_REPORT, count_seen
from belvedere.runtime import Artifact, Model
from belvedere.training.anomaly import TrainOptions, train
from belvedere.training.anomaly.features import extract
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.learners import fit_learners, scores
from belvedere.training.anomaly.loading import Views, load_examples
from belvedere.training.anomaly.stacking import Stack, sigmoid
from helpers.features import tiny_backbone
from helpers.parts import part, write_parts

BACKBONE = tiny_backbone(24)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_parts(tmp_path_factory.mktemp("parts") / "set", 8, 6)


@pytest.fixture(scope="module")
def artifact(parts: Path) -> Artifact:
    return train(open_dataset(parts), TrainOptions(size=96, seed=3, name="plates"), backbone=BACKBONE)


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, one in value.items() for text in (*strings(key), *strings(one))]
    if isinstance(value, list):
        return [text for one in value for text in strings(one)]
    return [value] if isinstance(value, str) else []


def test_manifest_facts(artifact: Artifact) -> None:
    manifest = artifact.manifest
    facts: Any = manifest.provenance["training"]
    assert (manifest.task, manifest.name, manifest.labels) == ("anomaly", "plates", ("blob", "scratch"))
    assert facts["backbone"]["name"] == "tiny"
    assert facts["backbone"]["licence"] == "Apache-2.0"
    assert len(facts["backbone"]["sha256"]) == 64
    assert facts["pictures"]["normal"] == 8
    assert facts["pictures"]["anomalous"] == 6
    assert facts["pictures"]["with_masks"] == 6
    assert facts["mirrored_copies"] is True
    assert facts["options"] == {
        "size": 96, "tile": False, "roi": False, "normal_only": False, "false_alarms": None, "seed": 3,
    }  # fmt: skip
    assert facts["threshold_rule"]["rule"] == "f1"
    compared = facts["cross_validation"]
    assert compared["folds"] == 5
    assert set(compared["learners"]) == {"memory", "picture", "pixel"}
    for figures in (*compared["learners"].values(), compared["combined"]):
        assert 0 <= figures["auroc"] <= 1
        assert 0 <= figures["average_precision"] <= 1
    assert set(facts["learners"]) <= set(compared["learners"])
    assert all(weight > 0 for weight in facts["learners"].values())
    assert facts["versions"]["python"] == platform.python_version()
    assert facts["memory"]["vectors"] <= 2048


def test_manifest_describes_the_network(artifact: Artifact) -> None:
    taken = artifact.manifest.inputs[0]
    assert (taken.resize.width, taken.resize.height) == (112, 80)
    assert taken.mean == BACKBONE.mean
    assert [output.name for output in artifact.manifest.outputs] == ["score", "heatmap", "types"]
    with Model(artifact) as model:
        found = model.run({"image": np.zeros((2, 3, 80, 112), np.float32)})
    assert [value.shape for value in found] == [(2,), (2, 80, 112), (2, 3, 80, 112)]
    assert len(set(artifact.manifest.decoder.colors)) == 2


def test_manifest_holds_no_time_host_or_path(artifact: Artifact, parts: Path) -> None:
    texts = strings(json.loads(artifact.manifest.to_json()))
    secrets = {socket.gethostname(), str(parts), str(parts.parent), str(Path.cwd()), str(Path.home()), "T00:", 'Z"'}
    for text in texts:
        assert not text.startswith("/"), text
        assert not [word for word in secrets if len(word) > 3 and word in text], text
    assert not [text for text in texts if "20" in text and ":" in text and "T" in text and text.endswith("Z")]


def test_measurements_are_a_report_outside_the_digest(artifact: Artifact) -> None:
    measured = json.loads(artifact.reports["training.json"])
    assert measured["seconds"] > 0
    assert measured["pictures"] == 14
    assert Artifact(artifact.manifest, artifact.files).digest == artifact.digest


def test_network_gives_the_numpy_scores(artifact: Artifact, parts: Path) -> None:
    """The learners fitted anew give, weighed as the manifest says, the network's score."""
    records = [record for label in ("normal", "anomaly") for record in open_dataset(parts) if record.label == label]
    geometry = Geometry(112, 80, 8)
    loaded = load_examples(records, ("blob", "scratch"), BACKBONE, geometry, Views(mirrored=True), exif=True)
    learners = fit_learners(loaded, 2, 3)
    facts: Any = artifact.manifest.provenance["training"]
    names = list(facts["learners"])
    pictures = [part(seed, kind)[0] for seed, kind in enumerate([None, "blob", "scratch"], 70)]
    features = extract(pictures, BACKBONE, geometry)
    weights = np.array([facts["learners"][name] for name in names])
    floors = [facts["floors"][name] for name in names]
    expected = [
        weights @ np.maximum([scores(learners, cells, geometry.top)[name] for name in names], floors)
        for cells in features
    ]
    with Model(artifact) as model:
        found = np.array([model.predict(picture).score for picture in pictures], np.float64)
    logits = np.log(found / (1 - found))
    # The bias is not in the facts; differences tell as much. Cells in half precision differ in the third digit.
    assert logits - logits[0] == pytest.approx(np.array(expected) - expected[0], abs=0.1, rel=0.02)
    assert found[0] < artifact.manifest.decoder.threshold < min(found[1:])


@pytest.mark.parametrize("thin", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_sigmoid_of_the_stack_matches_the_graph(seed: int, thin: bool) -> None:
    """The scoring graph on cells: score, heat and types from numpy parts, to 1e-4, region of interest included."""
    from belvedere.runtime.engine import open_engine
    from belvedere.training.anomaly.memory import patch_distances
    from belvedere.training.anomaly.pixel import pixel_logits
    from belvedere.training.anomaly.scoring import Scoring, scoring_graph
    from belvedere.training.anomaly.thinning import thinned
    from belvedere.vision.preprocess import Preprocess
    from helpers.features import example_of, strangeness

    rng = np.random.default_rng(seed)
    roi = None if seed == 0 else rng.random((8, 10)) < 0.6
    geometry = Geometry(80, 64, 8, roi=roi)
    pictures = [rng.integers(0, 256, (64, 80, 3), dtype=np.uint8) for _ in range(10)]
    grids = [cells[geometry.cells] for cells in extract(pictures, BACKBONE, geometry)]
    count = len(geometry.cells)
    cover = np.zeros((2, count), np.float32)
    cover[0, :4], cover[1, 4:8] = 1, 1
    examples = [example_of(cells, cover if i > 5 else None, i > 5) for i, cells in enumerate(grids[:9])]
    learners = fit_learners(examples, 2, 0)
    names, floors = ("memory", "picture", "pixel"), (0.0, -1.0, -2.0)
    picture, cell = Stack((0.3, 0.1, 0.2), -0.4), Stack((0.5, 0.4), -1.0)
    network = scoring_graph(BACKBONE, geometry, Scoring(learners, names, floors, picture, cell, 2, thin))
    ready = Preprocess(width=80, height=64, mean=BACKBONE.mean, std=BACKBONE.std).apply(pictures[9])
    found = {}
    for engine in ("onnxruntime", "openvino"):
        opened = open_engine(network, engine=engine)
        found[engine] = opened.run({"image": ready})
        opened.close()
        each = scores(learners, grids[9], geometry.top)
        counted = np.maximum([each[name] for name in names], floors)
        logit = np.array([picture.weights @ counted + picture.bias + strangeness(learners.scene, grids[9])])
        assert found[engine]["score"][0] == pytest.approx(sigmoid(logit)[0], abs=5e-3)
        heat = np.full(80, -20.0)
        pair = np.stack(
            [patch_distances(learners.memory, grids[9]), pixel_logits(learners.pixel, grids[9]).max(axis=1)]
        )  # type: ignore[arg-type]
        values = np.array(cell.weights) @ pair + cell.bias
        heat[geometry.cells] = thinned(values, geometry) if thin else values
        # Four network pixels meet at a cell's middle: their mean is nearly the cell's own value.
        upsampled = found[engine]["heatmap"][0].reshape(8, 8, 10, 8)[:, 3:5, :, 3:5]
        if roi is None:
            middle = np.log(upsampled / (1 - upsampled)).mean(axis=(1, 3)).reshape(-1)
            assert np.corrcoef(middle, heat)[0, 1] > 0.98
        else:
            assert upsampled.mean(axis=(1, 3))[~roi].mean() < upsampled.mean(axis=(1, 3))[roi].mean()
        assert found[engine]["types"].shape == (1, 3, 64, 80)
    for name in ("score", "heatmap", "types"):
        assert found["onnxruntime"][name] == pytest.approx(found["openvino"][name], abs=1e-4)


@pytest.mark.parametrize(
    ("changed", "facts"),
    [
        ({"normal_only": True}, {"rule": "false_alarms", "rate": 1 / 9, "asked": 0.1, "pictures_needed": 9}),
        ({"normal_only": True, "false_alarms": 0.25}, {"rule": "false_alarms", "rate": 2 / 9, "asked": 0.25}),
        ({"false_alarms": 0.01}, {"rule": "false_alarms", "rate": 1 / 9, "pictures_needed": 99}),
    ],
)
def test_false_alarm_rule(parts: Path, changed: dict[str, Any], facts: dict[str, Any]) -> None:
    made = train(open_dataset(parts), TrainOptions(size=64, **changed), backbone=BACKBONE)
    training: Any = made.manifest.provenance["training"]
    for key, value in facts.items():
        found = training["threshold_rule"][key]
        assert found == (pytest.approx(value, abs=1e-5) if isinstance(value, float) else value), key
    if changed.get("normal_only"):
        assert made.manifest.decoder.threshold == 0.5
        assert made.manifest.labels == ()
        assert training["learners"].keys() == {"memory"}


def test_equal_trainings_give_equal_digests(parts: Path, artifact: Artifact) -> None:
    again = train(open_dataset(parts), TrainOptions(size=96, seed=3, name="plates"), backbone=BACKBONE)
    assert again.digest == artifact.digest
    assert again.files == artifact.files
    other = train(open_dataset(parts), TrainOptions(size=96, seed=4, name="plates"), backbone=BACKBONE)
    assert other.digest != artifact.digest


def test_progress_counts_to_the_end(parts: Path) -> None:
    last: dict[str, tuple[int, int]] = {}
    order: list[str] = []

    def progress(stage: str, done: int, total: int) -> None:
        assert last.get(stage, (0, total)) == (done - 1, total)
        last[stage] = (done, total)
        order.append(stage)

    train(open_dataset(parts), TrainOptions(size=64), progress, BACKBONE)
    assert all(done == total for done, total in last.values())
    assert len(last) >= 3


def test_unknown_backbone(parts: Path) -> None:
    with pytest.raises(OptionError, match="nonsense"):
        train(open_dataset(parts), TrainOptions(backbone="nonsense"))


@pytest.mark.parametrize(("size", "choice"), [((1, 1), "auto"), ((3, 200), "auto"), ((20, 14), 96), ((1, 1), 96)])
def test_very_small_pictures(tmp_path: Path, size: tuple[int, int], choice: Any) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "normal").mkdir()
    for index in range(4):
        pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "normal" / f"{index}.png")
    made = train(open_dataset(tmp_path), TrainOptions(size=choice), backbone=BACKBONE)
    with Model(made) as model:
        result = model.predict(tmp_path / "normal" / "0.png")
    assert (result.width, result.height) == size
    assert 0 <= result.score <= 1


def test_blank_pictures(tmp_path: Path) -> None:
    """Nothing varies: no division by zero, and a defect still stands out."""
    (tmp_path / "normal").mkdir()
    for index in range(4):
        Image.new("RGB", (64, 64), (100 + index, 100, 100)).save(tmp_path / "normal" / f"{index}.png")
    made = train(open_dataset(tmp_path), TrainOptions(size=64), backbone=BACKBONE)
    odd = np.full((64, 64, 3), 100, np.uint8)
    odd[20:40, 20:40] = 255
    with Model(made) as model:
        assert model.predict(odd).is_anomalous
        assert np.isfinite(model.predict(tmp_path / "normal" / "1.png").score)


@pytest.mark.parametrize("exif", [True, False])
def test_orientation_with_masks(tmp_path: Path, exif: bool) -> None:
    """Phone pictures lie on their side; masks are of the size that people saw, or of the stored one."""
    folder = write_parts(tmp_path / "set", 4, 4, size=(80, 48))
    turned_by = Image.Exif()
    turned_by[0x0112] = 6
    for path in folder.rglob("*.jpg"):
        Image.open(path).save(path, exif=turned_by, quality=95)
    if exif:
        for path in folder.rglob("*_mask.png"):
            Image.open(path).transpose(Image.Transpose.ROTATE_270).save(path)
    made = train(open_dataset(folder), TrainOptions(size=64, exif=exif), backbone=BACKBONE)
    assert made.manifest.labels == ("blob", "scratch")
    taken = made.manifest.inputs[0]
    assert taken.exif is exif
    assert (taken.resize.height > taken.resize.width) is exif


def test_colours_of_the_dataset_are_kept(parts: Path) -> None:
    from dataclasses import replace

    dataset = replace(open_dataset(parts), colors={"scratch": "#123456"})
    made = train(dataset, TrainOptions(size=64), backbone=BACKBONE)
    colors = dict(zip(made.manifest.decoder.types, made.manifest.decoder.colors, strict=True))
    assert colors["scratch"] == "#123456"
    assert colors["blob"] != "#123456"


def test_labels_that_mean_nothing_leave_the_memory(tmp_path: Path) -> None:
    """Good parts labelled at random: the heads learn nothing, and training says so."""
    folder = write_parts(tmp_path / "set", 16, 0, seed=5)
    (folder / "anomaly").mkdir()
    for path in sorted((folder / "normal").iterdir())[::2]:
        path.rename(folder / "anomaly" / path.name)
    made = train(open_dataset(folder), TrainOptions(size=64), backbone=BACKBONE)
    training: Any = made.manifest.provenance["training"]
    assert training["cross_validation"]["combined"]["auroc"] < 0.6, "else this test needs other pictures"
    assert any("hardly told apart" in note for note in training["pictures"]["notes"])
    assert training["learners"].keys() == {"memory"}
    assert training["threshold_rule"]["rule"] == "false_alarms"


def test_the_artifact_says_which_pictures_it_knows(parts: Path, artifact: Artifact) -> None:
    """Beside the manifest and outside of the digest, so that an evaluation on the same pictures can be told."""
    records = open_dataset(parts).records
    hashes = [record.content_hash() for record in records]
    assert count_seen(artifact.reports[SEEN_REPORT], [*hashes, "f" * 64]) == len(records) == 14
    normal = train(open_dataset(parts), TrainOptions(size=96, normal_only=True), backbone=BACKBONE)
    assert count_seen(normal.reports[SEEN_REPORT], hashes) == 8
