"""Which pictures the words of a command line mean, and how drawings are called."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.cli.inputs import Picture, drawing_names, find_pictures, parse_maps


def touch(root: Path, *names: str) -> list[Path]:
    paths = [root / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return paths


def names_of(words: list[str], root: Path) -> list[str]:
    found = find_pictures([os.fspath(root / word) for word in words])
    return [Path(picture.name).relative_to(root).as_posix() for picture in found.pictures]


def test_folder_is_searched_below_and_sorted(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a/2.png", "a/1.webp", "note.txt", ".hidden.png", ".git/x.png")
    assert names_of(["."], tmp_path) == ["a/1.webp", "a/2.png", "b.JPG"]


def test_folder_leaves_out_masks_and_drawings(tmp_path: Path) -> None:
    touch(tmp_path, "test/bad/1.png", "ground_truth/bad/1_mask.png", "out/1.annotated.png")
    assert names_of(["."], tmp_path) == ["test/bad/1.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["1.jpg", "2.jpg"]),
        ("**/*.jpg", ["1.jpg", "2.jpg", "deep/er/3.jpg"]),
        ("[2-9].jpg", ["2.jpg"]),
        ("?.jpg", ["1.jpg", "2.jpg"]),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    touch(tmp_path, "1.jpg", "2.jpg", "deep/er/3.jpg", "x.png")
    assert names_of([pattern], tmp_path) == expected


def test_a_file_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    touch(tmp_path, "part[1].jpg", "part1.jpg")
    assert names_of(["part[1].jpg"], tmp_path) == ["part[1].jpg"]


def test_order_of_the_words_is_kept(tmp_path: Path) -> None:
    touch(tmp_path, "z.png", "a.png")
    assert names_of(["z.png", "a.png"], tmp_path) == ["z.png", "a.png"]


def test_words_that_mean_nothing_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    found = find_pictures([f"{tmp_path}/empty", f"{tmp_path}/*.bmp", f"{tmp_path}/missing.jpg"])
    # A plain name that does not exist is left to the reader, which names it like any unreadable picture.
    assert [picture.name for picture in found.pictures] == [f"{tmp_path}/missing.jpg"]
    assert found.failures == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "empty: no pictures in this folder" in captured.err
    assert "*.bmp: no file matches this pattern" in captured.err


def test_dataset_files_give_their_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touch(tmp_path, "a.png", "b.png")
    (tmp_path / "list.csv").write_text("image,label\na.png,normal\nlost.png,normal\nb.png,anomaly\n")
    found = find_pictures([f"{tmp_path}/list.csv"])
    assert [Path(picture.name).name for picture in found.pictures] == ["a.png", "b.png"]
    assert found.failures == 1
    assert "lost.png" in capsys.readouterr().err


def test_references_need_a_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touch(tmp_path, "deep/1.png")
    maps = (("s3://bucket/x", tmp_path),)
    found = find_pictures(["s3://bucket/x/deep/1.png", "s3://other/1.png"], maps)
    assert [picture.path for picture in found.pictures] == [tmp_path / "deep/1.png"]
    assert found.failures == 1
    assert "s3://other/1.png" in capsys.readouterr().err


def test_stdin_once() -> None:
    assert find_pictures(["-"]).pictures == (Picture("-", None),)
    with pytest.raises(click.UsageError, match="once"):
        find_pictures(["-", "-"])


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["x/a.jpg", "y/b.jpg"], ["a", "b"]),
        (["x/a.jpg", "y/a.jpg"], ["x/a", "y/a"]),
        (["x/a.jpg", "x/a.png"], ["a.jpg", "a.png"]),
        (["x/a.jpg", "x/a.jpg"], ["a", "a"]),
        (["x/a.jpg", "y/a.jpg", "y/b.jpg"], ["x/a", "y/a", "y/b"]),
        (["x/a.v2.jpg"], ["a.v2"]),
        ([None, "x/stdin.png"], ["-", "stdin.png"]),
        ([None], ["stdin"]),
        ([], []),
    ],
)
def test_drawing_names(paths: list[str | None], expected: list[str]) -> None:
    pictures = [Picture(path or "-", Path(path) if path else None) for path in paths]
    assert drawing_names(pictures) == [name + ".annotated.png" for name in expected]


parts = st.sampled_from(["a", "b", "a.x", "stdin"])


@given(st.lists(st.tuples(parts, parts, st.sampled_from([".jpg", ".png", ""])), max_size=8))
def test_drawings_never_overwrite_each_other(files: list[tuple[str, str, str]]) -> None:
    pictures = [Picture("", Path(folder) / (stem + suffix)) for folder, stem, suffix in files]
    owner: dict[str, Path | None] = {}
    for name, picture in zip(drawing_names(pictures), pictures, strict=True):
        assert owner.setdefault(name, picture.path) == picture.path
        assert ".." not in Path(name).parts
        assert not Path(name).is_absolute()


def test_maps(tmp_path: Path) -> None:
    folder = tmp_path / "day=1"
    folder.mkdir()
    context = click.Context(click.Command("x"))
    parameter = click.Option(["--map"])
    read = parse_maps(context, parameter, [f"s3://bucket/day=1={folder}"])
    assert read == (("s3://bucket/day=1", folder),)


@pytest.mark.parametrize("value", ["s3://bucket", "s3://bucket=", "=/", "s3://bucket=no-such-folder"])
def test_wrong_maps(value: str) -> None:
    with pytest.raises(click.BadParameter, match="s3://bucket/prefix=DIR"):
        parse_maps(click.Context(click.Command("x")), click.Option(["--map"]), [value])
