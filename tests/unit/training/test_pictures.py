"""Which pictures training uses, and what it says about the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from belvedere.core.errors import TrainingError
from belvedere.data.dataset import Dataset
from belvedere.data.open import open_dataset
from belvedere.data.record import Record
from belvedere.training.anomaly.pictures import Pictures, choose_pictures, limited
from helpers.parts import write_parts

SMALL = (48, 36)


def choose(dataset: Dataset, normal_only: bool = False) -> Pictures:
    return choose_pictures(dataset, normal_only, True, lambda done, total: None)


def parts(folder: Path, normal: int, anomalous: int = 0, masks: bool = True) -> Path:
    return write_parts(folder / "parts", normal, anomalous, masks=masks, size=SMALL)


def noise(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (36, 48, 3), dtype=np.uint8)).save(path)


def test_everything_is_used(tmp_path: Path) -> None:
    pictures = choose(open_dataset(parts(tmp_path, 5, 6)))
    assert [record.label for record in pictures.records] == ["normal"] * 5 + ["anomaly"] * 6
    assert (len(pictures.normal), len(pictures.anomalous)) == (5, 6)
    assert pictures.labelled
    assert pictures.types == ("blob", "scratch")
    assert set(pictures.sizes) == {SMALL}


@pytest.mark.parametrize(("normal", "anomalous"), [(1, 3), (0, 5)])
def test_too_few_normal_pictures_are_counted(tmp_path: Path, normal: int, anomalous: int) -> None:
    dataset = open_dataset(parts(tmp_path, normal, anomalous))
    with pytest.raises(TrainingError) as caught:
        choose(dataset)
    message = str(caught.value)
    assert f"{normal} are usable and labelled normal and {anomalous} anomalous" in message
    assert "at least 2 normal" in message
    assert "'normal'" in message, "it says what to do"


def test_unreadable_ones_are_counted_among_too_few(tmp_path: Path) -> None:
    folder = parts(tmp_path, 2)
    (folder / "normal" / "00.jpg").write_bytes(b"\xff\xd8\xff no picture")
    with pytest.raises(TrainingError, match="1 are usable and labelled normal and 0 anomalous, 1 could not be read"):
        choose(open_dataset(folder))


def test_one_class_only(tmp_path: Path) -> None:
    pictures = choose(open_dataset(parts(tmp_path, 3)))
    assert len(pictures.records) == 3
    assert not pictures.labelled
    assert pictures.types == ()


def test_fewer_than_four_anomalies_are_left_out(tmp_path: Path) -> None:
    pictures = choose(open_dataset(parts(tmp_path, 4, 3)))
    assert not pictures.labelled
    assert pictures.anomalous == ()
    assert any("3 anomalous pictures are too few" in note and "4 needed" in note for note in pictures.notes)
    assert choose(open_dataset(write_parts(tmp_path / "more", 4, 4, size=SMALL))).labelled


def test_normal_only_leaves_anomalies_out(tmp_path: Path) -> None:
    pictures = choose(open_dataset(parts(tmp_path, 4, 6)), normal_only=True)
    assert not pictures.labelled
    assert len(pictures.records) == 4
    assert any("6 anomalous pictures are left out" in note for note in pictures.notes)


def test_unreadable_pictures_are_named(tmp_path: Path) -> None:
    folder = parts(tmp_path, 4)
    (folder / "normal" / "torn.jpg").write_bytes((folder / "normal" / "00.jpg").read_bytes()[:200])
    pictures = choose(open_dataset(folder))
    assert len(pictures.normal) == 4
    assert len(pictures.unusable) == 1
    assert pictures.unusable[0].startswith("normal/torn.jpg: ")


def test_a_mask_that_cannot_be_used_does_not_make_its_picture_unusable(tmp_path: Path) -> None:
    folder = parts(tmp_path, 4, 5)
    mask = next(iter((folder / "ground_truth" / "blob").iterdir()))
    mask.write_bytes(b"no picture")
    pictures = choose(open_dataset(folder))
    assert pictures.unusable == ()
    (told,) = pictures.unusable_masks
    assert told.startswith("anomaly/blob/")
    assert len(pictures.anomalous) == 5
    assert told not in pictures.notes, "it is named once"


def test_pictures_of_quite_another_size_are_named(tmp_path: Path) -> None:
    folder = parts(tmp_path, 4)
    Image.new("RGB", (1, 1)).save(folder / "normal" / "dot.png")
    Image.new("RGB", (20, 3000)).save(folder / "normal" / "strip.png")
    pictures = choose(open_dataset(folder))
    (told,) = [note for note in pictures.notes if "size or shape" in note]
    assert "'normal/dot.png' (1 x 1)" in told
    assert "'normal/strip.png' (20 x 3000)" in told
    assert len(pictures.normal) == 6, "they are named, not left out"


def test_too_few_pictures_tell_of_files_that_were_left_out(tmp_path: Path) -> None:
    folder = parts(tmp_path, 3, 4)
    outside = folder.rename(tmp_path / "elsewhere") / "normal"
    (folder / "normal").mkdir(parents=True)
    for path in outside.iterdir():
        (folder / "normal" / path.name).symlink_to(path)
    noise(folder / "anomaly" / "0.png", 0)
    told = r"1 picture, of which 0 .* 1 anomalous.*3 were left out \(the first: .*link"
    with pytest.raises(TrainingError, match=told):
        choose(open_dataset(folder))


def test_one_of_each_group_of_duplicates_is_used(tmp_path: Path) -> None:
    folder = parts(tmp_path, 3)
    for copy in ("copy.jpg", "third.jpg"):
        (folder / "normal" / copy).write_bytes((folder / "normal" / "01.jpg").read_bytes())
    pictures = choose(open_dataset(folder))
    assert sorted(record.name for record in pictures.records) == ["normal/00.jpg", "normal/01.jpg", "normal/02.jpg"]
    assert any("same content" in note and "copy.jpg" in note for note in pictures.notes)


def test_a_picture_with_both_labels_is_not_used(tmp_path: Path) -> None:
    folder = parts(tmp_path, 3, 4)
    (folder / "anomaly" / "blob" / "copy.jpg").write_bytes((folder / "normal" / "01.jpg").read_bytes())
    pictures = choose(open_dataset(folder))
    names = {record.name for record in pictures.records}
    assert not names & {"normal/01.jpg", "anomaly/blob/copy.jpg"}
    assert any("labelled normal and anomaly" in note for note in pictures.notes)


def test_only_the_training_part_is_used(tmp_path: Path) -> None:
    for index in range(3):
        noise(tmp_path / "train" / "good" / f"{index}.png", index)
        noise(tmp_path / "test" / "good" / f"{index}.png", 10 + index)
        noise(tmp_path / "test" / "dent" / f"{index}.png", 20 + index)
    pictures = choose(open_dataset(tmp_path))
    assert {record.name.split("/")[0] for record in pictures.records} == {"train"}
    assert not pictures.labelled


def test_an_empty_training_part_says_so(tmp_path: Path) -> None:
    for index in range(3):
        noise(tmp_path / "test" / "good" / f"{index}.png", index)
    with pytest.raises(TrainingError, match="0 pictures in its training part"):
        choose(open_dataset(tmp_path))


def test_unlabelled_pictures_are_not_used(tmp_path: Path) -> None:
    for index in range(3):
        noise(tmp_path / f"{index}.png", index)
    with pytest.raises(TrainingError, match="3 pictures, of which 0 are usable and labelled normal"):
        choose(open_dataset(tmp_path))


def test_a_type_in_one_mask_only_is_learned_too(tmp_path: Path) -> None:
    folder = parts(tmp_path, 3, 5)
    for mask in list((folder / "ground_truth" / "scratch").iterdir())[1:]:
        mask.unlink()
    assert choose(open_dataset(folder)).types == ("blob", "scratch")


def test_anomalies_without_masks_have_no_types(tmp_path: Path) -> None:
    pictures = choose(open_dataset(parts(tmp_path, 3, 6, masks=False)))
    assert pictures.labelled
    assert pictures.types == ()


def test_one_is_not_many(tmp_path: Path) -> None:
    pictures = choose(open_dataset(parts(tmp_path, 4, 1)))
    assert any(note.startswith("1 anomalous picture is too few") for note in pictures.notes)
    pictures = choose(open_dataset(parts(tmp_path, 4, 1)), normal_only=True)
    assert any(note.startswith("1 anomalous picture is left out") for note in pictures.notes)


def bare(normal: int, anomalous: int) -> Pictures:
    records = [Record(f"n{i}", Path(f"n{i}"), "normal") for i in range(normal)]
    records += [Record(f"a{i}", Path(f"a{i}"), "anomaly") for i in range(anomalous)]
    return Pictures(tuple(records), (), (SMALL,), bool(anomalous), (), ("first",))


@pytest.mark.parametrize(
    ("normal", "anomalous", "most", "expected"),
    [(10, 4, 14, (10, 4)), (30, 4, 16, (12, 4)), (30, 30, 16, (8, 8)), (3, 30, 16, (3, 8)), (40, 0, 16, (16, 0))],
)
def test_limited(normal: int, anomalous: int, most: int, expected: tuple[int, int]) -> None:
    found = limited(bare(normal, anomalous), most, lambda count: list(range(count))[::-1])
    assert (len(found.normal), len(found.anomalous)) == expected
    cut = sum(expected) < normal + anomalous
    assert any("would not fit into memory" in note for note in found.notes) == cut
    assert found.notes[0] == "first"
    names = [record.name for record in found.normal]
    assert names == sorted(names, key=lambda name: int(name[1:])), "in their order, so that equal seeds agree"


def test_unlabelled_pictures_are_named(tmp_path: Path) -> None:
    folder = parts(tmp_path, 3)
    for number in range(4):
        noise(folder / f"loose{number}.png", number)
    said = choose(open_dataset(folder)).notes[-1]
    assert said.startswith("4 pictures are not labelled normal or anomaly and not learned from: 'loose0.png', ")
    assert said.endswith("'loose2.png' ...")


def test_pictures_without_labels_are_normal_if_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "flat"
    folder.mkdir()
    for number in range(3):
        noise(folder / f"{number}.png", number)
    chosen = choose_pictures(open_dataset(folder), normal_only=True, exif=True, progress=lambda *_: None)
    assert len(chosen.normal) == 3
    assert "none of the 3 pictures has a label: all are taken as normal" in chosen.notes
    with pytest.raises(TrainingError, match="0 are usable and labelled normal"):
        choose(open_dataset(folder))


def test_twins_are_told_and_grouped(tmp_path: Path) -> None:
    """A picture and its re-encoded copy are one piece of evidence."""
    folder = tmp_path / "normal"
    folder.mkdir()
    for number in range(3):
        noise(folder / f"{number}.png", number)
        Image.open(folder / f"{number}.png").save(folder / f"{number}.jpg", quality=97)
    chosen = choose(open_dataset(tmp_path))
    assert len(set(chosen.groups.values())) == 3
    assert any(note.startswith("6 normal pictures, of which 3 are independent") for note in chosen.notes)
