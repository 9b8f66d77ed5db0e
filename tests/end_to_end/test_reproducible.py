"""Equal data, seed and versions give equal bytes, in whatever process and place."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

import belvedere as bv
from belvedere.runtime import Artifact
from belvedere.vision.encode import jpeg_bytes
from helpers.parts import part

pytestmark = pytest.mark.slow


def train(program: Any, dataset: Path, out: Path, *words: object, **options: Any) -> Artifact:
    done = program("train", dataset, "--task", "anomaly", "--size", 112, "--out", out, *words, **options)
    assert done.returncode == 0, done.stderr.decode()
    return Artifact.load(out)


def contents(path: Path) -> dict[str, bytes]:
    """Name to bytes of everything in an archive but the measurements."""
    with tarfile.open(path) as archive:
        found = {entry.name: archive.extractfile(entry).read() for entry in archive if entry.isfile()}  # type: ignore[union-attr]
    return {name: data for name, data in found.items() if not name.startswith("reports/")}


def test_another_process_in_another_place_makes_the_same_model(
    labelled: Path, parts: Path, program: Any, tmp_path: Path
) -> None:
    """Another working folder, data in another place, files made in another order, another hash seed."""
    copy = tmp_path / "elsewhere" / parts.name
    for path in sorted(parts.rglob("*.*"), reverse=True):
        target = copy / path.relative_to(parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    out = tmp_path / labelled.name
    again = train(program, copy, out, cwd=tmp_path, PYTHONHASHSEED="77", TZ="Pacific/Auckland", LANG="C")
    first = Artifact.load(labelled)
    assert again.digest == first.digest
    assert contents(out) == contents(labelled)
    text = again.manifest.to_json().decode()
    assert str(tmp_path) not in text
    assert str(parts) not in text
    with tarfile.open(out) as archive:
        entries = archive.getmembers()
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    assert {(entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) for entry in entries} == {(0, 0, 0, "", "")}


def test_another_seed_or_picture_makes_another_model(parts: Path, tmp_path: Path) -> None:
    copy = tmp_path / parts.name
    shutil.copytree(parts / "normal", copy / "normal")

    def small(seed: int = 0) -> Artifact:
        with bv.train(copy, size=64, seed=seed) as model:
            return model.artifact

    first, again, other_seed = small(), small(), small(seed=5)
    assert again.digest == first.digest
    assert other_seed.digest != first.digest
    assert other_seed.manifest.provenance["training"]["options"]["seed"] == 5  # type: ignore[index, call-overload]
    (copy / "normal" / "00.jpg").write_bytes(jpeg_bytes(part(31337)[0], quality=95))
    other_data = small()
    assert other_data.digest != first.digest
    assert other_data.files["network.onnx"] != first.files["network.onnx"]
