from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from belvedere.core.errors import DatasetError
from belvedere.data import open_dataset

Make = Callable[..., Path]


def test_a_folder(make_picture: Make, tmp_path: Path) -> None:
    make_picture("normal/a.png")
    assert len(open_dataset(tmp_path).normal) == len(open_dataset(str(tmp_path)).normal) == 1


def test_a_dataset_is_returned_as_it_is(make_picture: Make) -> None:
    dataset = open_dataset(make_picture("a.png"))
    assert open_dataset(dataset) is dataset


def test_one_picture(make_picture: Make) -> None:
    (record,) = open_dataset(make_picture("sub/a.JPG")).records
    assert (record.name, record.label, record.split) == ("a.JPG", None, None)
    assert record.image().shape == (8, 12, 3)


def test_a_list_keeps_its_order_and_drops_repeats(make_picture: Make, tmp_path: Path) -> None:
    b, a = make_picture("x/b.png"), make_picture("y/a.png")
    dataset = open_dataset([str(b), a, tmp_path / "x" / ".." / "x" / "b.png", tmp_path / "gone.png"])
    assert [record.name for record in dataset] == ["x/b.png", "y/a.png"]
    assert [problem.reason for problem in dataset.problems] == ["no such picture file"]


def test_a_glob_is_sorted(make_picture: Make, tmp_path: Path) -> None:
    for name in ("x/b.png", "x/a.jpg", "y/c.png"):
        make_picture(name)
    (tmp_path / "x/notes.txt").write_text("")
    assert [r.name for r in open_dataset(f"{tmp_path}/x/*")] == ["a.jpg", "b.png"]
    assert [r.name for r in open_dataset(f"{tmp_path}/**/*.png")] == ["x/b.png", "y/c.png"]


def test_a_file_whose_name_looks_like_a_glob(make_picture: Make) -> None:
    assert open_dataset(make_picture("part[1].png")).records[0].name == "part[1].png"


def test_a_relative_path(make_picture: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_picture("set/normal/a.png")
    monkeypatch.chdir(tmp_path / "set")
    dataset = open_dataset(".")
    assert dataset.name == "set"
    assert dataset.records[0].image().shape == (8, 12, 3)


@pytest.mark.parametrize("suffix", [".manifest", ".jsonl", ".json", ".JSONL"])
def test_manifests(make_picture: Make, tmp_path: Path, suffix: str) -> None:
    make_picture("here/a.png")
    path = tmp_path / f"set{suffix}"
    path.write_text(json.dumps({"source-ref": "s3://b/set/a.png"}) + "\n")
    dataset = open_dataset(path, maps=[("s3://b/set", tmp_path / "here")])
    assert dataset.records[0].path == tmp_path / "here" / "a.png"


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".TSV", "\t")])
def test_tables(make_picture: Make, tmp_path: Path, suffix: str, delimiter: str) -> None:
    make_picture("a.png")
    path = tmp_path / f"set{suffix}"
    path.write_text(f"image{delimiter}label\na.png{delimiter}good\n")
    assert len(open_dataset(path).normal) == 1


FILES = {
    "coco.json": ('{"images": [], "annotations": []}', "COCO"),
    "index.json": ('[{"file": "a.png"}]', "is not a manifest"),
    "other.json": ('{"a": 1}', "is not a manifest"),
    "set.zip": ("PK", "unpack it"),
    "set.tar.gz": ("", "unpack it"),
    "set.TGZ": ("", "unpack it"),
    "notes.txt": ("", "no dataset of a known form"),
    "set.manifest": ("", "no usable line"),
}


@pytest.mark.parametrize(("name", "content", "reason"), [(name, *rest) for name, rest in FILES.items()])
def test_other_files(tmp_path: Path, name: str, content: str, reason: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DatasetError, match=reason):
        open_dataset(tmp_path / name)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("gone", "no such file or folder"),
        ("gone/*.png", "no picture matches"),
        ("s3://bucket/set", "nothing is fetched"),
        ([], "is empty"),
        (["gone.png"], "none of the 1 paths"),
        (b"bytes", "cannot be opened from bytes"),
        (5, "cannot be opened from int"),
        ("a\0b", "no such file|neither"),
    ],
)
def test_nothing_there(source: object, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=reason):
        open_dataset(source)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.manifest")
    with pytest.raises(DatasetError, match="neither a file nor a folder"):
        open_dataset(tmp_path / "a.manifest")
