from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from belvedere.core.errors import DatasetError, OptionError
from belvedere.data import open_dataset
from belvedere.data.annotations import Instance, layout_of
from belvedere.data.dataset import Dataset
from belvedere.data.drawing import draw_record, words_of
from belvedere.data.overview import WIDTH, choose, draw_overview
from belvedere.data.record import Record
from belvedere.vision.colors import parse_hex
from belvedere.vision.name_colors import name_color
from belvedere.vision.rle import encode
from helpers.instances import thing

Make = Callable[..., Path]


@pytest.fixture
def grey(tmp_path: Path) -> Dataset:
    Image.new("RGB", (60, 40), (90, 90, 90)).save(tmp_path / "p.png")
    return open_dataset(tmp_path / "p.png")


def drawn(grey: Dataset, *instances: Instance, **more: object) -> np.ndarray:
    record = replace(grey.records[0], instances=instances)
    return np.asarray(draw_record(record, replace(grey, **more), 240, 160))  # type: ignore[arg-type]


def has_color(pixels: np.ndarray, name: str) -> np.ndarray:
    return np.asarray((np.abs(pixels.astype(int) - parse_hex(name_color(name))) <= 8).all(axis=2))


def test_boxes_lie_where_they_are_marked(grey: Dataset) -> None:
    pixels = drawn(grey, Instance("cat", (10, 10, 40, 30)))
    assert pixels.shape == (160, 240, 3)
    rows, columns = np.nonzero(has_color(pixels, "cat")[40:])  # without the label above the box
    assert (rows.max() + 40, columns.min(), columns.max()) == (119, 40, 159)


def test_outlines_masks_and_keypoints_change_the_picture_where_they_are(grey: Dataset) -> None:
    mask = np.zeros((40, 60), dtype=bool)
    mask[20:30, 20:30] = True
    points = np.array([[25, 25, 2], [35, 25, 1], [0, 0, 0]], dtype=np.float32)
    for one in (
        thing("cat", 20, 20, 30, 30),
        Instance("cat", (20, 20, 30, 30), encode(mask)),
        Instance("cat", (20, 20, 40, 30), keypoints=points),
    ):
        pixels = drawn(grey, one, keypoints=layout_of(("a", "b", "c"), ((0, 1), (1, 2))))
        assert (pixels[100, 100] != 90).any()
        assert (pixels[150, 10] == 90).all()


def test_things_beyond_the_drawing_do_no_harm(grey: Dataset) -> None:
    for box in ((0.0, 0.0, 60.0, 40.0), (59.9, 39.9, 60.0, 40.0), (0.0, 0.0, 0.01, 0.01)):
        assert drawn(grey, Instance("cat", box)).shape == (160, 240, 3)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (Record("a", Path("a"), instances=(thing("x", 0, 0, 1, 1),) * 2), "2 x"),
        (Record("a", Path("a"), instances=()), "nothing marked"),
        (Record("a", Path("a"), instances=(thing("x", 0, 0, 1, 1, crowd=True),)), "1 crowd of x"),
        (Record("a", Path("a"), category="cat"), "cat"),
        (Record("a", Path("a"), categories=("x", "y")), "x, y"),
        (Record("a", Path("a"), "normal"), "normal"),
        (Record("a", Path("a"), "anomaly", "dent"), "anomaly: dent"),
        (Record("a", Path("a")), "no label"),
    ],
)
def test_words(record: Record, words: str) -> None:
    assert words_of(record)[0] == words


def test_every_class_gets_its_turn() -> None:
    records = [Record(f"{n}", Path("x"), category="rare" if n == 77 else "often") for n in range(100)]
    chosen = choose(Dataset(tuple(records)), 4, seed=1)
    assert len({record.name for record in chosen}) == 4
    assert sum(record.category == "rare" for record in chosen) == 1
    assert [record.name for record in choose(Dataset(tuple(records[::-1])), 4, seed=1)] == [one.name for one in chosen]
    assert len(choose(Dataset(tuple(records)), 500, seed=1)) == 100


def test_a_sheet_with_a_picture_that_cannot_be_read(make_picture: Make, tmp_path: Path) -> None:
    for name in ("normal/a.png", "normal/b.png", "dent/c.png"):
        make_picture(f"set/{name}", size=(40, 30))
    data = (tmp_path / "set/normal/b.png").read_bytes()
    (tmp_path / "set/normal/b.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "set/normal/d.png").write_bytes(b"")
    sheet, problems = draw_overview(open_dataset(tmp_path / "set"))
    assert sheet.width == WIDTH
    assert sorted(problem.where for problem in problems) == ["normal/b.png", "normal/d.png"]
    assert draw_overview(open_dataset(tmp_path / "set"))[0].tobytes() == sheet.tobytes()


def test_nothing_to_show(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DatasetError, match="no picture can be read"):
        draw_overview(open_dataset(tmp_path / "a.png"))
    with pytest.raises(OptionError, match="expected 1 to 400"):
        draw_overview(open_dataset(tmp_path / "a.png"), count=0)
