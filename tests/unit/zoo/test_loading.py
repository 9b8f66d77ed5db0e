"""Loading by name: bundled models, the cache of finished ones, and paths."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import belvedere
from belvedere.core.errors import ArtifactError, OptionError
from belvedere.runtime import Artifact
from belvedere.training.backbones import bundled_backbone
from belvedere.zoo import loading, zoo_artifact
from belvedere.zoo.catalogue import Entry
from belvedere.zoo.finish import finished, note_of
from helpers.artifacts import tiny_artifact


def test_the_bundled_backbone() -> None:
    with belvedere.load("belvedere-s") as model:
        (found,) = model.run(np.zeros((2, 3, 64, 96), np.float32))
    backbone = bundled_backbone()
    assert found.shape == (2, backbone.channels, 64 // backbone.stride, 96 // backbone.stride)
    facts = model.artifact.manifest.provenance["zoo"]
    assert isinstance(facts, dict)
    assert facts["licence"] == backbone.licence


def test_artifacts_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "belvedere-s"
    tiny_artifact().save(path)
    monkeypatch.chdir(tmp_path)
    assert belvedere.load(path).artifact.manifest.name == tiny_artifact().manifest.name
    assert belvedere.load("./belvedere-s").artifact.digest == tiny_artifact().digest
    # A name wins over a file that is called the same.
    assert belvedere.load("belvedere-s").artifact.manifest.task == "tensor"
    assert belvedere.load(tiny_artifact()).artifact.digest == tiny_artifact().digest


@pytest.mark.parametrize("word", ["belvedere-m", "rtdetr-v2-r50"])
def test_near_names(word: str) -> None:
    with pytest.raises(ArtifactError, match="neither an artifact nor a model of the zoo: did you mean"):
        belvedere.load(word)


@pytest.mark.parametrize("word", ["none/model", "none.tar.gz"])
def test_a_path_is_no_name(word: str) -> None:
    with pytest.raises(ArtifactError, match="there is no such artifact"):
        belvedere.load(word)


def test_bundled_models_take_no_options() -> None:
    for options in ({"size": (64, 64)}, {"task": "pose"}, {"options": {"precision": "f16"}}):
        with pytest.raises(OptionError, match="comes finished"):
            zoo_artifact("belvedere-s", **options)  # type: ignore[arg-type]


def test_a_finished_model_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELVEDERE_CACHE", str(tmp_path / "cache"))
    weights = tmp_path / "w.params"
    weights.write_bytes(struct.pack("<QQQQ", 0x112, 0, 0, 0))
    made: list[str] = []

    def make(entry: Entry, *_args: object) -> Artifact:
        made.append(entry.name)
        return tiny_artifact()

    monkeypatch.setattr(loading, "_made", make)
    for _ in range(2):
        assert zoo_artifact("resnet18_v1", weights=weights).digest == tiny_artifact().digest
    assert made == ["resnet18_v1"]
    # Other weights, another size and options make another model.
    zoo_artifact("resnet18_v1", weights=weights, size=(64, 64))
    zoo_artifact("resnet18_v1", weights=weights, options={"precision": "f16"})
    weights.write_bytes(weights.read_bytes() + b"\0")
    zoo_artifact("resnet18_v1", weights=weights)
    assert len(made) == 4
    # What was damaged is made again.
    for manifest in (tmp_path / "cache").rglob("manifest.json"):
        manifest.write_text("{}")
    zoo_artifact("resnet18_v1", weights=weights)
    assert len(made) == 5


def test_the_last_touches() -> None:
    artifact = tiny_artifact().with_report("report.json", tiny_artifact().digest.encode())
    resize = {
        "mode": "letterbox",
        "width": 48,
        "height": 32,
        "kernel": "cubic",
        "fill": "#7c7467",
        "anchor": "top-left",
    }
    done = finished(artifact, resize=resize, zoo={"name": "x"}, note="read me")
    assert done.manifest.inputs[0].resize.model_dump() == resize  # type: ignore[union-attr]
    assert bytes(done.reports["report.json"]) == done.digest.encode()
    assert done.digest != artifact.digest
    assert note_of(done) == "read me"
    assert note_of(artifact) == ""
    assert done.files == artifact.files
