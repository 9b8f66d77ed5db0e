from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import DatasetError, LimitError
from belvedere.core.limits import Limits
from belvedere.data.csv_reader import parse_csv, read_csv
from belvedere.data.csv_writer import table_text
from belvedere.data.masks import BinaryMask
from belvedere.data.references import Resolver

Make = Callable[..., Path]


@pytest.fixture
def folder(make_picture: Make, make_mask: Make, tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "sub/c.png"):
        make_picture(name)
    make_mask("m.png")
    return tmp_path


def write(folder: Path, text: str | bytes, name: str = "set.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_all_columns(folder: Path, delimiter: str, bom: bytes) -> None:
    rows = [
        "Image,Label,Split,Defect,Mask",
        "a.png,good,train,,",
        "b.png,NG,test,scratch,m.png",
        "",
        "sub/c.png,,,,",
    ]
    dataset = read_csv(write(folder, bom + "\r\n".join(rows).replace(",", delimiter).encode()), strict=True)
    assert [(r.name, r.label, r.kind, r.split) for r in dataset] == [
        ("a.png", "normal", None, "train"),
        ("b.png", "anomaly", "scratch", "test"),
        ("sub/c.png", None, None, None),
    ]
    assert dataset.records[1].mask == BinaryMask(folder / "m.png", "scratch")
    assert dataset.types == ("scratch",)


@pytest.mark.parametrize("heading", ["image", "path", "FILE", "filename", "source-ref", "Source_Ref", '"file"'])
def test_headings_of_the_picture_column(folder: Path, heading: str) -> None:
    assert len(read_csv(write(folder, f"id,{heading}\n1,a.png\n"))) == 1


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("normal", "normal"),
        ("0", "normal"),
        ("FALSE", "normal"),
        ("no", "normal"),
        (" Pass ", "normal"),
        ("anomaly", "anomaly"),
        ("1", "anomaly"),
        ("True", "anomaly"),
        ("yes", "anomaly"),
        ("defective", "anomaly"),
        ("", None),
    ],
)
@pytest.mark.parametrize("heading", ["label", "class", "anomaly"])
def test_label_words(folder: Path, heading: str, word: str, label: str | None) -> None:
    assert read_csv(write(folder, f"path,{heading}\na.png,{word}\n")).records[0].label == label


def test_validation_is_test_only_without_test(folder: Path) -> None:
    text = "path,split\na.png,train\nb.png,val\n"
    assert [record.split for record in read_csv(write(folder, text))] == ["train", "test"]
    assert [record.split for record in read_csv(write(folder, text + "sub/c.png,test\n"))] == [
        "train",
        "train",
        "test",
    ]


WRONG = {
    "not there": ("gone.png,normal,,,", "no file of that name"),
    "climbs": ("../a.png,normal,,,", "climbs out"),
    "label": ("b.png,nomral,,,", "'nomral' is neither normal nor anomaly"),
    "split": ("b.png,normal,holdout,,", "'holdout' is none of"),
    "twice": ("a.png,anomaly,,,", "'a.png' is there twice"),
    "cells": ("b.png,normal,,,,,x", "7 cells under 5 headings"),
    "quote": ('"b.png"x,normal,,,', "not a row of a table"),
    "empty": (",normal,,,", "the reference is empty"),
}


@pytest.mark.parametrize(("row", "reason"), WRONG.values(), ids=WRONG.keys())
def test_wrong_rows_are_named_and_the_rest_is_read(folder: Path, row: str, reason: str) -> None:
    path = write(folder, f"image,label,split,kind,mask\na.png,normal,,,\n\n{row}\nsub/c.png,anomaly,,,\n")
    dataset = read_csv(path)
    assert [record.name for record in dataset] == ["a.png", "sub/c.png"]
    (problem,) = dataset.problems
    assert problem.where == "set.csv:4"
    assert reason in problem.reason
    with pytest.raises(DatasetError, match=r"set\.csv:4: "):
        read_csv(path, strict=True)


def test_missing_mask_leaves_the_picture(folder: Path) -> None:
    dataset = read_csv(write(folder, "image,label,mask\na.png,anomaly,gone.png\n"))
    assert dataset.records[0].mask is None
    assert "gone.png" in dataset.problems[0].reason


def test_spaces_around_a_name_count_only_where_a_file_has_them(folder: Path, make_picture: Make) -> None:
    make_picture(" b.png")
    dataset = read_csv(write(folder, "image,label\n a.png ,normal\n b.png,normal\n"), strict=True)
    assert [record.name for record in dataset] == ["a.png", " b.png"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "the table is empty"),
        (b"picture,label\na.png,normal\n", "no column for the pictures"),
        (b"image,label\n", "no usable row"),
        (b"image,label\na.png,normal\n\xff.png,normal\n", "set.csv:3: not UTF-8"),
        (b'"image,label\na.png', "set.csv:1"),
    ],
)
def test_unusable_tables(folder: Path, text: bytes, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason):
        read_csv(write(folder, text))


def test_over_the_limit(folder: Path) -> None:
    with pytest.raises(LimitError):
        read_csv(write(folder, "image\na.png\n"), limits=Limits(manifest_bytes=5))


file_names = (
    st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="/\0"), min_size=1, max_size=20)
    .filter(lambda name: name not in {".", ".."} and name.strip() and all(ord(letter) >= 32 for letter in name))
    .map(lambda name: f"{name}.png")
)
kinds = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=10).map(
    lambda k: f"kind {k.strip()}x"
)
rows = st.lists(
    st.tuples(file_names, st.sampled_from(["normal", "anomaly", ""]), st.sampled_from(["train", "test", ""]), kinds),
    min_size=1,
    max_size=4,
    unique_by=lambda row: row[0],
)


@given(rows, st.sampled_from([",", "\t"]))
@settings(max_examples=60, deadline=None)
def test_round_trip_of_rows(
    tmp_path_factory: pytest.TempPathFactory, values: list[tuple[str, str, str, str]], delimiter: str
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    for name, *_ in values:
        (folder / name).write_bytes(b"")
    table = table_text([(*row, "") for row in values], delimiter)
    dataset = parse_csv(table.encode(), "t.csv", Resolver((folder,)), strict=True)
    assert [(r.name, r.label or "", r.split or "") for r in dataset] == [row[:3] for row in values]
    assert [r.kind for r in dataset] == [row[3] if row[1] == "anomaly" else None for row in values]


@given(st.binary(max_size=200) | st.text(alphabet='image,label;\t"\n\r a.png\0\ufeff', max_size=120).map(str.encode))
@settings(max_examples=150, deadline=None)
def test_no_bytes_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    for text in (data, b"image,label\n" + data):
        with contextlib.suppress(DatasetError):  # anything else fails the test
            dataset = parse_csv(text, "t.csv", Resolver((folder,)))
            assert all(problem.where.startswith("t.csv:") for problem in dataset.problems)


def test_problems_come_in_the_order_of_the_rows(folder: Path) -> None:
    rows = ["image,label", "gone.png,ok", "a.png,ok,1,2", "a.png,ok", "a.png,ok", "b.png,what"]
    dataset = read_csv(write(folder, "\n".join(rows) + "\n"))
    assert [problem.where.rpartition(":")[2] for problem in dataset.problems] == ["2", "3", "5", "6"]
