from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from belvedere.core.errors import DatasetError, LimitError
from belvedere.data import labels
from belvedere.data.folders import read_folder
from belvedere.data.masks import BinaryMask
from belvedere.data.scan import list_pictures

Make = Callable[..., Path]


def facts(root: Path) -> dict[str, tuple[str | None, str | None, str | None]]:
    return {record.name: (record.label, record.kind, record.split) for record in read_folder(root)}


LAYOUTS = {
    "normal and anomaly": {
        "Normal/a.JPG": ("normal", None, None),
        "ANOMALY/b.png": ("anomaly", None, None),
    },
    "other words": {"defect_free/a.png": ("normal", None, None), "NG/b.png": ("anomaly", None, None)},
    "kinds below anomaly": {
        "good/a.png": ("normal", None, None),
        "good/deeper/a.png": ("normal", None, None),
        "bad/scratch/b.png": ("anomaly", "scratch", None),
        "bad/scratch/deep/b.png": ("anomaly", "scratch", None),
    },
    "kinds beside normal": {
        "free/a.png": ("normal", None, None),
        "Crack/b.png": ("anomaly", "Crack", None),
        "dent/deeper/c.png": ("anomaly", "dent", None),
    },
    "parts": {
        "train/ok/a.png": ("normal", None, "train"),
        "test/ok/b.png": ("normal", None, "test"),
        "test/anomaly/hole/c.png": ("anomaly", "hole", "test"),
        "test/hole/d.png": ("anomaly", "hole", "test"),
    },
    "validation counts as train beside test": {
        "Training/good/a.png": ("normal", None, "train"),
        "validation/good/b.png": ("normal", None, "train"),
        "test/good/c.png": ("normal", None, "test"),
    },
    "validation counts as test without test": {
        "train/good/a.png": ("normal", None, "train"),
        "val/good/b.png": ("normal", None, "test"),
    },
    "pictures beside the folders": {"a.png": (None, None, None), "normal/b.png": ("normal", None, None)},
    "flat": {"a.png": (None, None, None), "b.tiff": (None, None, None)},
    "wrapped": {
        "board/v2/normal/a.png": ("normal", None, None),
        "board/v2/bent/b.png": ("anomaly", "bent", None),
    },
    "only anomalies": {"anomaly/a.png": ("anomaly", None, None)},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layouts(
    layout: dict[str, tuple[str | None, str | None, str | None]], make_picture: Make, tmp_path: Path
) -> None:
    for name in reversed(layout):
        make_picture(name)
    assert facts(tmp_path) == layout
    assert [record.name for record in read_folder(tmp_path)] == sorted(layout)


def test_mvtec(make_picture: Make, make_mask: Make, tmp_path: Path) -> None:
    for name in ("train/good/000.png", "test/good/000.png", "test/scratch/000.png", "test/scratch/001.png"):
        make_picture(name)
    make_picture("test/dent/000.png")
    make_mask("ground_truth/scratch/000_mask.png")
    make_mask("ground_truth/scratch/001.png")
    (tmp_path / "license.txt").write_text("CC BY-NC-SA")
    dataset = read_folder(tmp_path)
    masks = {record.name: record.mask for record in dataset if record.mask is not None}
    assert masks == {
        "test/scratch/000.png": BinaryMask(tmp_path / "ground_truth/scratch/000_mask.png", "scratch"),
        "test/scratch/001.png": BinaryMask(tmp_path / "ground_truth/scratch/001.png", "scratch"),
    }
    assert dataset.types == ("scratch",)
    assert not dataset.problems
    assert len(dataset.split("train")) == 1
    loaded = dataset.anomalous[1].load_mask(12, 8)
    assert loaded is not None
    assert loaded.types == ("scratch",)
    assert loaded.binary.sum() == 6


PLACES = [
    ("anomaly/a.png", "ground_truth/anomaly/a_mask.png"),
    ("anomaly/a.png", "ground_truth/a.png"),
    ("anomaly/a.png", "Masks/a.png"),
    ("anomaly/cut/a.png", "ground_truth/anomaly/cut/a.png"),
    ("anomaly/cut/a.png", "ground_truth/cut/a_mask.png"),
    ("cut/a.jpg", "masks/cut/a.png"),
    ("test/cut/a.jpg", "test/ground_truth/cut/a.png"),
    ("test/cut/a.jpg", "ground_truth/test/cut/a_mask.png"),
    ("test/anomaly/cut/a.jpg", "test/masks/cut/a.png"),
]


@pytest.mark.parametrize(("picture", "mask"), PLACES)
def test_places_of_masks(picture: str, mask: str, make_picture: Make, make_mask: Make, tmp_path: Path) -> None:
    make_picture(picture)
    make_picture("normal/n.png")
    make_mask(mask)
    dataset = read_folder(tmp_path)
    (found,) = [record.mask for record in dataset if record.name == picture]
    assert isinstance(found, BinaryMask)
    assert found.path == tmp_path / mask
    assert not dataset.problems


def test_masks_that_nobody_wants_are_problems(make_picture: Make, make_mask: Make, tmp_path: Path) -> None:
    make_picture("normal/a.png")
    make_picture("dent/b.png")
    make_mask("ground_truth/dent/other_mask.png")
    make_picture("ground_truth/dent/b_mask.jpg")
    problems = {problem.where: problem.reason for problem in read_folder(tmp_path).problems}
    assert problems == {
        "ground_truth/dent/other_mask.png": "a mask without a picture of that name",
        "ground_truth/dent/b_mask.jpg": "a JPEG blurs masks; save it as PNG",
    }


def test_a_mask_that_could_belong_to_several_pictures(make_picture: Make, make_mask: Make, tmp_path: Path) -> None:
    for name in ("normal/a.png", "dent/a.png", "cut/a.png", "cut/b.png", "normal/b.png"):
        make_picture(name)
    make_mask("masks/a.png")
    make_mask("masks/b.png")
    dataset = read_folder(tmp_path)
    assert [record.name for record in dataset if record.mask is not None] == ["cut/b.png"]
    (problem,) = dataset.problems
    assert problem.where == "masks/a.png"
    assert "2 pictures could own this mask" in problem.reason


def test_companions_are_ignored_and_strangers_reported(make_picture: Make, tmp_path: Path) -> None:
    make_picture("normal/a.png")
    make_picture(".hidden/b.png")
    make_picture("normal/.c.png")
    for name in ("notes.TXT", "LICENSE", "index.json", "normal/list.csv", ".DS_Store", "normal/Thumbs.db"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "normal/clip.mp4").write_bytes(b"")
    (tmp_path / "normal/photo.heic").write_bytes(b"")
    dataset = read_folder(tmp_path)
    assert [record.name for record in dataset] == ["normal/a.png"]
    assert [problem.where for problem in dataset.problems] == ["normal/clip.mp4", "normal/photo.heic"]


def test_links(make_picture: Make, tmp_path: Path) -> None:
    outside = make_picture("outside/x.png")
    inside = make_picture("set/normal/a.png")
    root = tmp_path / "set"
    (root / "normal/inside.png").symlink_to(inside)
    (root / "normal/outside.png").symlink_to(outside)
    (root / "normal/broken.png").symlink_to(root / "gone.png")
    (root / "normal/loop.png").symlink_to(root / "normal/loop.png")
    (root / "anomaly").symlink_to(tmp_path / "outside")
    dataset = read_folder(root)
    assert [record.name for record in dataset] == ["normal/a.png", "normal/inside.png"]
    assert {problem.where for problem in dataset.problems} == {
        "anomaly",
        "normal/broken.png",
        "normal/loop.png",
        "normal/outside.png",
    }


def test_links_alone_are_said_to_be_the_reason(make_picture: Make, make_mask: Make, tmp_path: Path) -> None:
    outside = [make_picture(f"outside/{number}.png") for number in range(3)]
    root = tmp_path / "set"
    (root / "normal").mkdir(parents=True)
    for path in outside:
        (root / "normal" / path.name).symlink_to(path)
    (root / "normal" / "clip.mp4").write_bytes(b"")
    reason = r"left out: 'normal/0\.png' and 2 more \(a link out of the dataset's folder is not followed"
    with pytest.raises(DatasetError, match=rf"no pictures.*{reason}.*; left out: 'normal/clip\.mp4' \(not a picture"):
        read_folder(root)
    make_mask("set/masks/0.png")
    with pytest.raises(DatasetError, match=rf"only masks.*{reason}"):
        read_folder(root)


def test_a_linked_folder_of_normal_pictures_is_said_to_be_the_reason(make_picture: Make, tmp_path: Path) -> None:
    make_picture("outside/0.png")
    make_picture("set/crack/0.png")
    make_picture("set/dent/0.png")
    (tmp_path / "set/normal").symlink_to(tmp_path / "outside")
    with pytest.raises(DatasetError, match=r"do not say which.*left out: 'normal' \(a link to a folder"):
        read_folder(tmp_path / "set")


def test_a_root_that_is_a_link_is_followed(make_picture: Make, tmp_path: Path) -> None:
    make_picture("real/normal/a.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert len(read_folder(tmp_path / "link")) == 1


def test_file_names_that_are_not_utf8(make_picture: Make, tmp_path: Path) -> None:
    make_picture("normal/a.png")
    try:
        (tmp_path / "normal" / "b\udcff.png").write_bytes(b"")
    except OSError:
        pytest.skip("the file system only holds UTF-8 names")
    (problem,) = read_folder(tmp_path).problems
    assert "not UTF-8" in problem.reason
    problem.where.encode()


def test_unknown_folders_without_normal_pictures(make_picture: Make, tmp_path: Path) -> None:
    make_picture("cats/a.png")
    make_picture("dogs/b.png")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/all.manifest").write_text("{}")
    with pytest.raises(DatasetError, match=r"'cats', 'dogs'.*'lists/all\.manifest'"):
        read_folder(tmp_path)


def test_nothing_there(make_mask: Make, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no pictures"):
        read_folder(tmp_path)
    make_mask("masks/a.png")
    make_mask("masks/sub/a.png")
    with pytest.raises(DatasetError, match="only masks"):
        read_folder(tmp_path)


def test_bounds(make_picture: Make, tmp_path: Path) -> None:
    make_picture("normal/deep/a.png")
    make_picture("normal/deep/b.png")
    with pytest.raises(LimitError, match="more than 3 files"):
        list_pictures(tmp_path, max_files=3)
    with pytest.raises(LimitError, match="deeper than 1"):
        list_pictures(tmp_path, max_depth=1)


@pytest.mark.parametrize("word", [*labels.NORMAL_WORDS, "Defect Free", "non_defective", "OK"])
def test_normal_words(word: str) -> None:
    assert labels.label_of(word) == "normal"


@pytest.mark.parametrize("word", [*labels.ANOMALY_WORDS, "Not OK", "NG"])
def test_anomaly_words(word: str) -> None:
    assert labels.label_of(word) == "anomaly"


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "normal", "kinds", "masks"),
    [
        ("magnetic-tile", 260, {"blowhole": 60, "break": 60, "crack": 57, "fray": 32, "uneven": 60}, 269),
        ("ball-screw", 191, {}, 68),
        ("wafer", 25, {}, 0),
    ],
)
def test_real_folders(shared_folder: Path, name: str, normal: int, kinds: dict[str, int], masks: int) -> None:
    dataset = read_folder(shared_folder / "data" / "anomaly" / name)
    statistics = dataset.statistics()
    assert (statistics.normal, dict(statistics.kinds), statistics.masks) == (normal, kinds, masks)
    assert not dataset.problems
