from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from belvedere.data import Dataset, Record, check, open_dataset
from belvedere.data.likeness import fingerprint, near_duplicates
from belvedere.data.masks import BinaryMask

Make = Callable[..., Path]


def test_unreadable_pictures_are_named_and_left_out(make_picture: Make, tmp_path: Path) -> None:
    good = make_picture("normal/a.png", 1, (40, 30))
    (tmp_path / "normal/cut.png").write_bytes(good.read_bytes()[:-60])
    (tmp_path / "normal/text.png").write_text("hello")
    seen: list[tuple[int, int]] = []
    result = check(open_dataset(tmp_path), progress=lambda done, total: seen.append((done, total)))
    assert [record.name for record in result.dataset] == ["normal/a.png"]
    assert [problem.where for problem in result.unreadable] == ["normal/cut.png", "normal/text.png"]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert set(result.hashes) == {"normal/a.png"}
    assert all(problem.reason and "normal/" not in problem.reason for problem in result.unreadable)


def test_duplicates_conflicts_and_leaks(make_picture: Make, tmp_path: Path) -> None:
    a = make_picture("train/good/a.png", 1)
    make_picture("train/good/b.png", 2)
    make_picture("test/good/c.png", 3)
    for copy in ("train/good/a2.png", "test/dent/a3.png"):
        (tmp_path / copy).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(a, tmp_path / copy)
    result = check(open_dataset(tmp_path))
    group = ("test/dent/a3.png", "train/good/a.png", "train/good/a2.png")
    assert result.duplicates == result.conflicts == result.leaks == (group,)
    assert not result.near_duplicates
    assert len(result.dataset) == 5
    reasons = [problem.reason for problem in result.problems]
    assert len(reasons) == 3
    assert "normal and anomaly" in reasons[0]
    assert "in train and in test" in reasons[1]


def test_near_duplicates_are_copies_in_another_encoding_or_size(make_picture: Make, tmp_path: Path) -> None:
    original = make_picture("a.png", 1, (160, 120))
    make_picture("other.png", 2, (160, 120))
    with Image.open(original) as image:
        image.convert("RGB").save(tmp_path / "b.jpg", quality=85)
        image.resize((320, 240), Image.Resampling.BICUBIC).save(tmp_path / "c.png")
    result = check(open_dataset(tmp_path))
    assert result.near_duplicates == (("a.png", "b.jpg", "c.png"),)
    assert not result.duplicates


def test_a_small_change_of_the_scene_is_no_near_duplicate() -> None:
    rng = np.random.default_rng(0)
    scene = np.asarray(Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((160, 120)))
    moved = np.roll(scene, 3, axis=1)
    noisy = np.clip(scene + rng.normal(0, 2, scene.shape), 0, 255).astype(np.uint8)
    prints = [fingerprint(image) for image in (scene, moved, noisy)]
    assert near_duplicates(prints) == [[0, 2]]


def test_groups_are_joined_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belvedere.data.likeness._BLOCK", 2)
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (40, 40, 3), dtype=np.uint8) for _ in range(2))
    prints = [fingerprint(image) for image in (first, second, first, second, first)]
    assert near_duplicates(prints) == [[0, 2, 4], [1, 3]]
    assert near_duplicates(prints[:1]) == []


def test_bad_and_stray_masks(make_picture: Make, make_mask: Make, tmp_path: Path) -> None:
    records = tuple(
        Record(name, make_picture(name), label, mask=BinaryMask(make_mask(f"m/{name}", size=size)))
        for name, label, size in (
            ("a.png", "anomaly", (12, 8)),
            ("b.png", "anomaly", (8, 12)),
            ("c.png", "normal", (12, 8)),
        )
    )
    result = check(Dataset(records))
    assert [problem.where for problem in result.bad_masks] == ["b.png"]
    assert [problem.where for problem in result.stray_masks] == ["c.png"]
    assert [record.mask is not None for record in result.dataset] == [True, False, True]


def test_a_truncated_jpeg(make_picture: Make, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG")
    (tmp_path / "a.jpg").write_bytes(stream.getvalue()[:-2000])
    assert not check(open_dataset(tmp_path)).dataset.records


@pytest.mark.shared
def test_real_pictures(shared_folder: Path) -> None:
    """Wafer pictures were made by drawing defects into one rotated photograph."""
    result = check(open_dataset(shared_folder / "data" / "anomaly" / "wafer"))
    assert len(result.dataset) == 51
    assert not result.unreadable
    assert any("normal/wafer.jpg" in group for group in result.near_duplicates)


def test_a_wrong_declared_size(make_picture: Make, tmp_path: Path) -> None:
    source = open_dataset(make_picture("a.png"))
    records = (replace(source.records[0], declared_size=(13, 8), instances=()),)
    (problem,) = check(replace(source, records=records)).problems
    assert str(problem) == (
        "a.png: the annotation says 13 x 8 pixels, but the picture is 12 x 8; its boxes are in wrong places"
    )
