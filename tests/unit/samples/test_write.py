from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from belvedere.core.errors import DatasetError, OptionError
from belvedere.data.open import open_dataset
from belvedere.samples import DEFECTS, write_boards

SMALL = {"train": (3, 5), "test": (2, 6), "size": (96, 72)}


def _content(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    steps = []
    folder = tmp_path_factory.mktemp("set") / "boards"
    assert write_boards(folder, **SMALL, progress=lambda done, total: steps.append((done, total))) == folder
    return folder, steps


def test_pictures_and_masks_lie_where_the_data_room_looks(written):
    folder, steps = written
    assert steps == [(done, 16) for done in range(1, 17)]
    assert len(list(folder.glob("train/normal/*.jpg"))) == 3
    assert len(list(folder.glob("test/normal/*.jpg"))) == 2
    pictures = sorted(folder.rglob("*.jpg"))
    assert len({path.stem for path in pictures}) == len(pictures) == 16
    for split, most in (("train", 1), ("test", 2)):
        kinds = Counter(path.parent.name for path in folder.glob(f"{split}/anomaly/*/*.jpg"))
        assert set(kinds) == set(DEFECTS)
        assert max(kinds.values()) == most
    for path in folder.glob("*/anomaly/*/*.jpg"):
        with Image.open(folder / "ground_truth" / path.parent.name / f"{path.stem}_mask.png") as mask:
            assert mask.size == (96, 72)
            assert set(np.unique(np.asarray(mask))) == {0, 255}
    assert "seed 0" in (folder / "README.txt").read_text("utf-8")


def test_the_data_room_reads_it(written):
    dataset = open_dataset(written[0])
    assert dataset.problems == ()
    assert sorted(dataset.types) == sorted(DEFECTS)
    assert len(dataset.split("train").records) == 8
    assert len(dataset.split("test").records) == 8
    for record in dataset.anomalous:
        mask = record.load_mask(96, 72)
        assert mask is not None
        assert mask.any


def test_the_same_seed_writes_the_same_set_over_an_older_one(written, tmp_path):
    folder = tmp_path / "boards"
    write_boards(folder, train=(1, 0), test=(0, 1), size=(96, 72), seed=4)
    write_boards(folder, **SMALL)
    assert _content(folder) == _content(written[0])


def test_another_seed_writes_other_pictures(written, tmp_path):
    folder = write_boards(tmp_path / "other", train=(1, 0), test=(0, 0), size=(96, 72), seed=1)
    name = "train/normal/board_0000.jpg"
    assert (folder / name).read_bytes() != (written[0] / name).read_bytes()


@pytest.mark.parametrize("name", ["notes.txt", "README.txt", "train/normal/mine.jpg"])
def test_a_folder_of_somebody_else_is_left_alone(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    before = _content(tmp_path)
    with pytest.raises(DatasetError, match="name an empty folder"):
        write_boards(tmp_path, **SMALL)
    assert _content(tmp_path) == before


def test_a_file_is_no_folder(tmp_path):
    path = tmp_path / "boards"
    path.write_text("mine")
    with pytest.raises(DatasetError, match="is a file"):
        write_boards(path, **SMALL)


@pytest.mark.parametrize("wrong", [{"train": (-1, 2)}, {"test": (1, -2)}, {"seed": -1}, {"seed": 10**6}])
def test_counts_and_seed_are_checked(tmp_path, wrong):
    with pytest.raises(OptionError, match="expected counts"):
        write_boards(tmp_path / "boards", **{**SMALL, **wrong})
