from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from belvedere.core.errors import DatasetError
from belvedere.data import BinaryMask, Dataset, Record, open_dataset
from belvedere.data.csv_writer import write_csv
from belvedere.data.folder_writer import write_folders
from belvedere.data.manifest_line import parse_line
from belvedere.data.manifest_reader import read_manifest
from belvedere.data.manifest_writer import classification_fields, segmentation_fields, write_manifest
from belvedere.data.mask_writer import color_png, colors_for
from belvedere.data.masks import ColorMask, Mask, read_color_mask

Make = Callable[..., Path]
DATE = datetime(2025, 3, 4, 5, 6, 7, 89000, tzinfo=UTC)


def facts(dataset: Dataset) -> dict[bytes, tuple[object, ...]]:
    """What is known of each picture, by its content: names may change when a dataset is written."""
    known = {}
    for record in dataset:
        height, width = record.image().shape[:2]
        mask = record.load_mask(width, height)
        pixels = None if mask is None else mask.binary.tobytes()
        types = None if mask is None else mask.types
        known[record.read()] = (record.label, record.kind, record.split, types, pixels)
    return known


@pytest.fixture
def whole(make_picture: Make, make_mask: Make, tmp_path: Path) -> Dataset:
    make_picture("set/normal/a.png", 1)
    make_picture("set/anomaly/dent/a.jpg", 2)
    make_picture("set/anomaly/dent/A.png", 3)
    make_picture("set/anomaly/train/b.png", 4)
    make_picture("set/anomaly/c.png", 5)
    make_picture("set/d.png", 6)
    make_mask("set/ground_truth/anomaly/dent/A_mask.png")
    make_mask("set/ground_truth/anomaly/c.png", (0, 0, 12, 1))
    dataset = open_dataset(tmp_path / "set")
    assert not dataset.problems
    return dataset


@pytest.fixture
def parts(make_picture: Make, make_mask: Make, tmp_path: Path) -> Dataset:
    make_picture("mvtec/train/good/000.png", 1)
    make_picture("mvtec/test/good/000.png", 2)
    make_picture("mvtec/test/dent/000.png", 3)
    make_picture("mvtec/test/bent pin/000.jpg", 4)
    make_mask("mvtec/ground_truth/dent/000_mask.png")
    make_mask("mvtec/ground_truth/bent pin/000_mask.png", (0, 0, 3, 3))
    return open_dataset(tmp_path / "mvtec")


def test_folders_without_parts(whole: Dataset, tmp_path: Path) -> None:
    write_folders(whole, tmp_path / "out")
    assert facts(open_dataset(tmp_path / "out")) == facts(whole)
    assert (tmp_path / "out/ground_truth/anomaly/dent").is_dir()


def test_folders_with_parts_are_mvtec(parts: Dataset, tmp_path: Path) -> None:
    write_folders(parts, tmp_path / "out")
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert written == [
        "ground_truth/bent pin/000_mask.png",
        "ground_truth/dent/000_mask.png",
        "test/bent pin/000.jpg",
        "test/dent/000.png",
        "test/good/000.png",
        "train/good/000.png",
    ]
    assert facts(open_dataset(tmp_path / "out")) == facts(parts)


def test_masks_in_both_parts_stay_apart(make_picture: Make, make_mask: Make, tmp_path: Path) -> None:
    for number, part in enumerate(("train", "test")):
        make_picture(f"set/{part}/good/0.png", 10 + number)
        make_picture(f"set/{part}/dent/0.png", 20 + number)
        make_mask(f"set/{part}/ground_truth/dent/0.png", (number, 0, 5, 5))
    dataset = open_dataset(tmp_path / "set")
    assert dataset.statistics().masks == 2
    write_folders(dataset, tmp_path / "out")
    assert facts(open_dataset(tmp_path / "out")) == facts(dataset)


def test_folders_are_not_overwritten(whole: Dataset, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/keep.txt").write_text("mine")
    with pytest.raises(DatasetError, match="is not empty"):
        write_folders(whole, tmp_path / "out")
    assert (tmp_path / "out/keep.txt").read_text() == "mine"


def test_nothing_is_left_after_an_error(whole: Dataset, tmp_path: Path) -> None:
    whole.records[-1].path.unlink()
    with pytest.raises(ValueError, match=whole.records[-1].name):
        write_folders(whole, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("kind", ["a/b", "..", ".hidden", "masks", "x" * 300])
def test_kinds_that_cannot_be_folders(make_picture: Make, tmp_path: Path, kind: str) -> None:
    dataset = Dataset((Record("a.png", make_picture("a.png"), "anomaly", kind),))
    with pytest.raises(DatasetError, match="rename"):
        write_folders(dataset, tmp_path / "out")


def test_csv(parts: Dataset, tmp_path: Path) -> None:
    write_csv(parts, tmp_path / "set.csv")
    dataset = open_dataset(tmp_path / "set.csv")
    assert not dataset.problems
    assert facts(dataset) == facts(parts)


def test_csv_of_color_masks(whole: Dataset, tmp_path: Path) -> None:
    write_manifest(whole, tmp_path / "set/x.manifest")
    write_csv(read_manifest(tmp_path / "set/x.manifest"), tmp_path / "set/x.tsv")
    again = open_dataset(tmp_path / "set/x.tsv")
    masks = {r.read(): r.load_mask(12, 8) for r in again if r.mask is not None}
    expected = {r.read(): r.load_mask(12, 8) for r in whole if r.mask is not None}
    assert masks.keys() == expected.keys()
    for content, mask in masks.items():
        assert np.array_equal(mask.binary, expected[content].binary)


def test_csv_must_lie_above_the_pictures(whole: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="lies outside"):
        write_csv(whole, tmp_path / "other/set.csv")


def test_manifest(whole: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "set.manifest"
    write_manifest(whole, path, created=DATE)
    dataset = read_manifest(path, strict=True)
    assert [record.label for record in dataset] == [record.label for record in whole]
    assert [record.read() for record in dataset] == [record.read() for record in whole]
    for before, after in zip(whole, dataset, strict=True):
        first, second = before.load_mask(12, 8), after.load_mask(12, 8)
        assert (first is None) == (second is None)
        assert first is None or np.array_equal(first.binary, second.binary)


def test_lines_are_those_of_the_service(whole: Dataset, tmp_path: Path) -> None:
    write_manifest(whole, tmp_path / "set.manifest", prefix="s3://bucket/set/", created=DATE)
    lines = {
        (fields := json.loads(text))["source-ref"]: fields
        for text in (tmp_path / "set.manifest").read_text().splitlines()
    }
    assert lines["s3://bucket/set/d.png"] == {"source-ref": "s3://bucket/set/d.png"}
    assert lines["s3://bucket/set/normal/a.png"] == {
        "source-ref": "s3://bucket/set/normal/a.png",
        "anomaly-label": 0,
        "anomaly-label-metadata": {
            "confidence": 1.0,
            "job-name": "labeling-job/anomaly-label",
            "class-name": "normal",
            "human-annotated": "yes",
            "creation-date": "2025-03-04T05:06:07.089000",
            "type": "groundtruth/image-classification",
        },
    }
    dent = lines["s3://bucket/set/anomaly/dent/A.png"]
    assert dent["anomaly-label"] == 1
    assert dent["anomaly-label-metadata"]["class-name"] == "anomaly"
    assert dent["anomaly-mask-ref"] == "s3://bucket/set/set-masks/A.png"
    assert dent["anomaly-mask-ref-metadata"] == {
        "internal-color-map": {
            "0": {"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0.0},
            "1": {"class-name": "dent", "hex-color": "#14A3B3", "confidence": 1.0},
        },
        "job-name": "labeling-job/anomaly-mask-ref",
        "human-annotated": "yes",
        "creation-date": "2025-03-04T05:06:07.089000",
        "type": "groundtruth/semantic-segmentation",
    }
    with Image.open(tmp_path / "set-masks/A.png") as image:
        assert set(image.convert("RGB").get_flattened_data()) == {(255, 255, 255), (0x14, 0xA3, 0xB3)}


def test_written_s3_references_resolve_by_a_map(whole: Dataset, tmp_path: Path) -> None:
    write_manifest(whole, tmp_path / "elsewhere/set.manifest", prefix="s3://bucket/set")
    dataset = read_manifest(
        tmp_path / "elsewhere/set.manifest",
        maps=[
            ("s3://bucket/set", tmp_path / "set"),
            ("s3://bucket/set/set-masks", tmp_path / "elsewhere/set-masks"),
        ],
        strict=True,
    )
    assert [record.path for record in dataset] == [record.path for record in whole]
    write_manifest(dataset, tmp_path / "third/set.manifest")
    first = json.loads((tmp_path / "third/set.manifest").read_text().splitlines()[0])
    assert first["source-ref"].startswith("s3://bucket/set/")


def test_manifest_elsewhere_needs_a_prefix(whole: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="give the prefix"):
        write_manifest(whole, tmp_path / "elsewhere/set.manifest")
    assert not (tmp_path / "elsewhere/set.manifest").exists()


def test_lines_too_long_to_be_read(make_picture: Make, tmp_path: Path) -> None:
    dataset = Dataset((Record("a.png", make_picture("a.png"), "normal"),))
    with pytest.raises(DatasetError, match="more than 8192"):
        write_manifest(dataset, tmp_path / "x.manifest", prefix="s3://b/" + "y" * 8200)


@pytest.mark.parametrize("writer", [write_csv, write_folders, write_manifest])
def test_nothing_to_write(writer: Callable[..., None], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no pictures to write"):
        writer(Dataset(()), tmp_path / "x")


def test_a_type_called_background_is_refused(make_picture: Make, make_mask: Make, tmp_path: Path) -> None:
    mask = BinaryMask(make_mask("m/a.png"), "Background")
    dataset = Dataset((Record("a.png", make_picture("a.png"), "anomaly", mask=mask),))
    with pytest.raises(DatasetError, match="rename it"):
        write_manifest(dataset, tmp_path / "x.manifest")


def test_colors_are_distinct_and_declared_ones_kept() -> None:
    types = [f"t{i}" for i in range(200)]
    colors = colors_for(types, {"t3": "#23a436", "t4": "#23A436", "t5": "#ffffff", "t6": "000000"})
    assert set(colors) == set(types)
    assert len(set(colors.values())) == 200
    assert colors["t3"] == "#23A436"
    assert not {"#FFFFFF", "#000000"} & set(colors.values())


names = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=12)
types = st.lists(names.filter(lambda name: name.upper() != "BACKGROUND"), min_size=1, max_size=5, unique=True)


@given(names, st.sampled_from(["normal", "anomaly", None]), types, st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_round_trip_of_lines(source: str, label: str | None, labels: list[str], seed: int) -> None:
    index = np.random.default_rng(seed).integers(0, len(labels) + 1, (6, 7), dtype=np.uint8)
    mask = Mask(tuple(labels), index)
    colors = colors_for(labels, {})
    fields = classification_fields(f"s3://b/{source}", label, "2025")
    fields |= segmentation_fields("m.png", mask, colors, "2025")
    line = parse_line(json.dumps(fields))
    assert (line.source, line.label) == (f"s3://b/{source}", label)
    assert line.mask is not None
    declared = ColorMask(Path("m.png"), line.mask.labels, line.mask.background)
    read = Mask(declared.types, read_color_mask(color_png(mask, colors), declared, 7, 6, "m"))
    assert np.array_equal(read.as_types(labels).index, index)
