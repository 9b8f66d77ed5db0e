"""Options that several commands share, and checks on what will be written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from belvedere.cli.options import parse_dimensions, parse_rate, parse_size
from belvedere.cli.outputs import make_folder, prepare_artifact_path

CONTEXT, OPTION = click.Context(click.Command("x")), click.Option(["--x"])


@pytest.mark.parametrize(
    ("parse", "word", "expected"),
    [
        (parse_size, "auto", "auto"),
        (parse_size, "256", 256),
        (parse_rate, "0.01", 0.01),
        (parse_rate, "5%", 0.05),
        (parse_rate, None, None),
        (parse_dimensions, "640x480", (640, 480)),
        (parse_dimensions, "64X32", (64, 32)),
    ],
)
def test_good_words(parse: Any, word: str | None, expected: Any) -> None:
    assert parse(CONTEXT, OPTION, word) == expected


@pytest.mark.parametrize(
    ("parse", "word"),
    [
        (parse_size, "25.6"),
        (parse_size, "9999999"),
        (parse_size, "-256"),
        (parse_size, "big"),
        (parse_size, ""),
        (parse_rate, "0"),
        (parse_rate, "1"),
        (parse_rate, "100%"),
        (parse_rate, "nan"),
        (parse_rate, "few"),
        (parse_rate, "%"),
        (parse_dimensions, "640"),
        (parse_dimensions, "0x4"),
        (parse_dimensions, "1x2x3"),
    ],
)
def test_wrong_words(parse: Any, word: str) -> None:
    with pytest.raises(click.BadParameter, match=f"'{word}'"):
        parse(CONTEXT, OPTION, word)


def test_parents_are_made(tmp_path: Path) -> None:
    prepare_artifact_path(tmp_path / "a" / "b" / "m.tar.gz")
    assert (tmp_path / "a" / "b").is_dir()
    assert not (tmp_path / "a" / "b" / "m.tar.gz").exists()


def test_a_folder_of_pictures_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "part.jpg").write_bytes(b"x")
    with pytest.raises(click.BadParameter, match="would replace them all"):
        prepare_artifact_path(tmp_path)
    assert (tmp_path / "part.jpg").exists()


def test_an_older_artifact_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format": "belvedere-artifact"}')
    prepare_artifact_path(tmp_path)


@pytest.mark.parametrize("name", ["m.tar.gz", "m.tgz", "m.tar"])
def test_an_archive_does_not_replace_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(click.BadParameter, match="is a folder"):
        prepare_artifact_path(tmp_path / name)


def test_a_folder_does_not_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"x")
    with pytest.raises(click.BadParameter, match="is a file"):
        prepare_artifact_path(tmp_path / "model")


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(click.BadParameter, match="cannot be created"):
        make_folder(tmp_path / "file" / "below", "--draw")
