from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from belvedere.core.errors import DatasetError, ImageError, LimitError
from belvedere.core.limits import Limits
from belvedere.data import Dataset, Record, open_dataset
from belvedere.data.statistics import Sizes

Make = Callable[..., Path]


@pytest.fixture
def parts(make_picture: Make, make_mask: Make, tmp_path: Path) -> Path:
    make_picture("train/good/a.png", 1, (10, 20))
    make_picture("train/good/b.jpg", 2, (30, 20))
    make_picture("test/good/c.png", 3)
    make_picture("test/dent/d.png", 4)
    make_mask("ground_truth/dent/d_mask.png")
    make_picture("test/e.png", 5)
    return tmp_path


def names(dataset: Dataset) -> list[str]:
    return [record.name.rpartition("/")[2] for record in dataset]


def test_parts_and_labels(parts: Path) -> None:
    dataset = open_dataset(parts)
    assert dataset.has_splits
    assert names(dataset.split("train")) == ["a.png", "b.jpg"]
    assert names(dataset.split("test")) == ["d.png", "e.png", "c.png"]
    assert names(dataset.labelled()) == ["d.png", "c.png", "a.png", "b.jpg"]
    assert len(dataset) == 5
    assert [record.kind for record in dataset.anomalous] == ["dent"]


def test_without_parts_every_part_is_everything(make_picture: Make, tmp_path: Path) -> None:
    make_picture("normal/a.png")
    dataset = open_dataset(tmp_path)
    assert dataset.split("train") is dataset
    assert dataset.split("test") is dataset


def test_subset(parts: Path) -> None:
    dataset = open_dataset(parts)
    assert names(dataset.subset({"test/good/c.png", "train/good/a.png"})) == ["c.png", "a.png"]
    assert names(dataset.subset(lambda record: record.label is None)) == ["e.png"]
    with pytest.raises(DatasetError, match=r"'x\.png'"):
        dataset.subset({"x.png"})


def test_names_are_unique(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="two pictures are called 'a'"):
        Dataset((Record("a", tmp_path / "1"), Record("a", tmp_path / "2")))


def test_statistics(parts: Path) -> None:
    (parts / "train/good/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    statistics = open_dataset(parts).statistics()
    assert (statistics.total, statistics.labelled, statistics.normal) == (6, 5, 4)
    assert (statistics.anomaly, statistics.unlabelled, statistics.masks) == (1, 1, 1)
    assert statistics.kinds == {"dent": 1}
    assert statistics.splits == {"test": 3, "train": 3}
    assert statistics.formats == {"JPEG": 1, "PNG": 4}
    assert statistics.width == Sizes(10, 12, 30)
    assert statistics.height == Sizes(8, 8, 20)
    assert statistics.unreadable == ("train/good/broken.png",)


def test_statistics_of_nothing() -> None:
    statistics = Dataset(()).statistics()
    assert (statistics.total, statistics.width) == (0, None)


def test_digest_depends_on_content_not_on_place_or_order(parts: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    dataset = open_dataset(parts)
    copy = tmp_path_factory.mktemp("copy") / "elsewhere"
    shutil.copytree(parts, copy)
    assert open_dataset(copy).digest() == dataset.digest()
    assert replace(dataset, records=dataset.records[::-1]).digest() == dataset.digest()


@pytest.mark.parametrize("change", ["picture", "mask", "label", "name"])
def test_digest_notices(parts: Path, change: str) -> None:
    before = open_dataset(parts).digest()
    dent = parts / "test/dent/d.png"
    if change == "picture":
        dent.write_bytes(dent.read_bytes() + b"x")
    elif change == "mask":
        mask = parts / "ground_truth/dent/d_mask.png"
        mask.write_bytes(mask.read_bytes() + b"x")
    elif change == "label":
        (parts / "test/dent").rename(parts / "test/cut")
        (parts / "ground_truth/dent").rename(parts / "ground_truth/cut")
    else:
        (parts / "test/e.png").rename(parts / "test/f.png")
    assert open_dataset(parts).digest() != before


def test_reading_a_picture(parts: Path) -> None:
    record = open_dataset(parts).records[0]
    assert record.image().shape == (8, 12, 3)
    assert record.read() == record.path.read_bytes()
    with pytest.raises(LimitError, match=record.name):
        record.read(Limits(image_bytes=10))
    record.path.unlink()
    with pytest.raises(ImageError, match=record.name):
        record.image()
    record.path.mkdir()
    with pytest.raises(ImageError, match="not a regular file"):
        record.image()
