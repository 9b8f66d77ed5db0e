"""Which pictures the words of a command line mean: files, folders, patterns, dataset files, stdin."""

from __future__ import annotations

import glob
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import click

from belvedere.cli.console import note
from belvedere.core.errors import BelvedereError, DatasetError

DATASET_SUFFIXES = frozenset({".csv", ".tsv", ".manifest", ".jsonl", ".ndjson", ".json"})
DRAWN_SUFFIX = ".annotated.png"

Maps = tuple[tuple[str, Path], ...]


@dataclass(frozen=True)
class Picture:
    """One picture to score.

    Attributes:
        name: How it is called in results and messages: the path as the user would write it, or ``-``.
        path: The file; None for stdin.
    """

    name: str
    path: Path | None


@dataclass(frozen=True)
class Inputs:
    """What the words of a command line meant.

    Attributes:
        pictures: The pictures, in the order of the words, sorted within a folder or pattern.
        failures: How many words, or lines of dataset files, meant no picture; each was named on stderr.
    """

    pictures: tuple[Picture, ...]
    failures: int


def find_pictures(words: Sequence[str], maps: Maps = ()) -> Inputs:
    """Find the pictures that the arguments mean; name those that mean nothing on stderr.

    A word is stdin (``-``), a file, a folder (searched for pictures below it; folders of masks, hidden ones,
    and pictures that ``--draw`` wrote are left out), a dataset file (a manifest or CSV) or a pattern
    such as ``shots/**/*.jpg``.

    Raises:
        click.UsageError: ``-`` is given twice, or stdin is a terminal.
    """
    pictures: list[Picture] = []
    failures = 0
    if list(words).count("-") > 1:
        raise click.UsageError("'-' (a picture from stdin) can be given once.")
    if "-" in words and sys.stdin.isatty():
        raise click.UsageError("'-' reads a picture from stdin, and stdin is a terminal.")
    for word in words:
        try:
            found, problems = _expand(word, maps)
        except (BelvedereError, OSError) as error:
            found, problems = [], [str(error)]
        pictures += found
        failures += len(problems)
        for problem in problems:
            note(problem)
    return Inputs(tuple(pictures), failures)


def drawing_names(pictures: Sequence[Picture]) -> list[str]:
    """The relative POSIX path of the annotated picture for each input: ``<stem>.annotated.png``.

    Where two pictures would get one name, all keep their folders, relative to what they have in common; where
    that is not enough (``a.jpg`` beside ``a.png``), all keep their suffix too. The same file has one name.
    """
    folders = {os.path.abspath(p.path.parent) for p in pictures if p.path is not None}  # noqa: PTH100  keep links
    common = os.path.commonpath(folders) if folders else ""
    names = [_stem(picture) for picture in pictures]
    if not _unique(names, pictures):
        names = [_nested(picture, common, suffix=False) for picture in pictures]
    if not _unique(names, pictures):
        names = [_nested(picture, common, suffix=True) for picture in pictures]
    return [name + DRAWN_SUFFIX for name in names]


def read_stdin(limit: int) -> bytes:
    """Read one encoded picture from stdin, one byte more than ``limit`` at most: the decoder refuses that."""
    return sys.stdin.buffer.read(limit + 1)


def parse_maps(_ctx: click.Context, _param: click.Parameter, values: Sequence[str]) -> Maps:
    """Read ``--map PREFIX=DIR`` options, such as ``s3://bucket/boards=boards/`` or ``/their/path=boards/``.

    Either side may hold a ``=``; the first one behind which a folder is named divides them.

    Raises:
        click.BadParameter: no ``=`` with a prefix before it and an existing folder behind it.
    """
    maps = []
    for value in values:
        places = (place for place, letter in enumerate(value) if letter == "=" and place > 0)
        place = next((place for place in places if value[place + 1 :] and Path(value[place + 1 :]).is_dir()), None)
        if place is None:
            raise click.BadParameter(
                f"'{value}' is not of the form PREFIX=DIR, such as s3://bucket/prefix=DIR or /their/path=DIR, with an "
                "existing folder."
            )
        maps.append((value[:place], Path(value[place + 1 :])))
    return tuple(maps)


map_option = click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="PREFIX=DIR",
    callback=parse_maps,
    help="Where the files lie that a manifest or table calls PREFIX/..., such as s3://bucket/boards or /their/path. "
    "May be repeated.",
)


def _expand(word: str, maps: Maps) -> tuple[list[Picture], list[str]]:
    """The pictures that one word means, and what went wrong."""
    path = Path(word)
    if word == "-":
        return [Picture("-", None)], []
    if word.lower().startswith("s3://"):
        return [Picture(word, _mapped(word, maps))], []
    if path.is_file() and path.suffix.lower() in DATASET_SUFFIXES:
        return _from_dataset(word, maps)
    if path.is_dir():
        found = [Picture(os.fspath(file), file) for file in sorted(_walk(path))]
        return found, [] if found else [f"{word}: no pictures in this folder"]
    if path.exists() or not glob.has_magic(word):
        return [Picture(word, path)], []
    matches = [Path(match) for match in sorted(glob.glob(word, recursive=True))]  # noqa: PTH207  absolute patterns
    found = [Picture(os.fspath(match), match) for match in matches if match.is_file() and not _is_drawn(match)]
    return found, [] if found else [f"{word}: no file matches this pattern"]


def _mapped(reference: str, maps: Maps) -> Path:
    from belvedere.data.references import Resolver

    try:
        return Resolver((), maps).resolve(reference)
    except DatasetError as error:
        raise DatasetError(f"{reference}: {error}") from error


def _from_dataset(word: str, maps: Maps) -> tuple[list[Picture], list[str]]:
    from belvedere.data import open_dataset

    dataset = open_dataset(word, maps=maps)
    pictures = [Picture(os.fspath(record.path), record.path) for record in dataset.records]
    return pictures, [str(problem) for problem in dataset.problems]


def _walk(folder: Path) -> Iterator[Path]:
    from belvedere.data.labels import is_mask_folder
    from belvedere.vision.decode import IMAGE_SUFFIXES

    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and not is_mask_folder(name)]
        for name in files:
            file = Path(parent) / name
            if file.suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".") and not _is_drawn(file):
                yield file


def _is_drawn(path: Path) -> bool:
    return path.name.endswith(DRAWN_SUFFIX)


def _stem(picture: Picture) -> str:
    return "stdin" if picture.path is None else picture.path.stem


def _identity(picture: Picture) -> str:
    return "-" if picture.path is None else os.path.abspath(picture.path)  # noqa: PTH100  keep links


def _unique(names: Sequence[str], pictures: Sequence[Picture]) -> bool:
    """Whether different pictures have different names."""
    pairs = {(name, _identity(picture)) for name, picture in zip(names, pictures, strict=True)}
    return all(count == 1 for count in Counter(name for name, _ in pairs).values())


def _nested(picture: Picture, common: str, *, suffix: bool) -> str:
    if picture.path is None:
        return "-" if suffix else "stdin"
    relative = PurePosixPath(Path(os.path.relpath(picture.path, common)).as_posix())
    return str(relative if suffix else relative.with_suffix(""))
