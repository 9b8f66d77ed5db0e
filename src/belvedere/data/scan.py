"""Listing the files of a folder within bounds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from belvedere.core.errors import DatasetError, LimitError
from belvedere.data.dataset import Problem
from belvedere.data.reading import is_file, is_inside
from belvedere.vision.decode import IMAGE_SUFFIXES

MAX_FILES = 1_000_000
"""Most files and folders that a dataset folder may hold."""

MAX_DEPTH = 16
"""Deepest nesting of folders."""

_MOST_REASONS = 3

_COMPANIONS = frozenset(
    {
        ".txt", ".md", ".rst", ".json", ".jsonl", ".manifest", ".csv", ".tsv", ".xml", ".yaml", ".yml",
        ".html", ".htm", ".pdf", ".ini", ".db", ".log", ".py", ".ipynb", ".npy", ".npz", ".doc", ".docx",
        ".xls", ".xlsx", ".license", ".sha256", ".md5",
    }
)  # fmt: skip
_COMPANION_NAMES = frozenset({"license", "licence", "readme", "notice", "copying", "citation", "changelog", "makefile"})


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes:
        pictures: Relative POSIX paths of the picture files, sorted.
        problems: Files and folders that were left out, other than hidden files and known companions.
    """

    pictures: tuple[str, ...]
    problems: tuple[Problem, ...]

    def left_out(self) -> str:
        """What was left out and why, to go behind a message that there are no pictures; empty where nothing was."""
        names: dict[str, list[str]] = {}
        for problem in self.problems:
            names.setdefault(problem.reason, []).append(problem.where)
        shown = sorted(names.items(), key=lambda item: -len(item[1]))[:_MOST_REASONS]
        return "".join(f"; left out: {_some(where)} ({reason})" for reason, where in shown)


def list_pictures(root: Path, max_files: int = MAX_FILES, max_depth: int = MAX_DEPTH) -> Listing:
    """List the picture files below ``root``.

    Hidden files and folders are ignored, and so are files that usually lie beside pictures (texts, tables,
    licences). Links to folders are never followed. A link to a file counts if the file lies below ``root``.

    Raises:
        DatasetError: ``root`` itself cannot be listed.
        LimitError: more files or deeper folders than allowed.
    """
    pictures: list[str] = []
    problems: list[Problem] = []
    for name, entry in _walk(root, max_files, max_depth, problems):
        reason = _why_not(entry, root)
        if reason is None:
            pictures.append(name)
        elif reason:
            problems.append(Problem(_printable(name), reason))
    return Listing(tuple(sorted(pictures)), tuple(sorted(problems, key=lambda problem: problem.where)))


def list_files(
    root: Path, suffixes: frozenset[str], max_files: int = MAX_FILES, max_depth: int = MAX_DEPTH
) -> tuple[str, ...]:
    """Relative POSIX paths of the files below ``root`` that end in one of ``suffixes`` (lower case), sorted.

    Hidden ones and links out of ``root`` are left out; links to folders are not followed.

    Raises:
        DatasetError: ``root`` itself cannot be listed.
        LimitError: more files or deeper folders than allowed.
    """
    found: list[str] = []
    for name, entry in _walk(root, max_files, max_depth, []):
        if Path(entry.name).suffix.casefold() in suffixes and entry.name == _printable(entry.name):
            path = root / name
            if is_file(path) and (not entry.is_symlink() or is_inside(path, root)):
                found.append(name)
    return tuple(sorted(found))


def _walk(
    root: Path, max_files: int, max_depth: int, problems: list[Problem]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything below ``root`` but folders, with its relative path; ``problems`` gets folders that cannot be read."""
    folders = [("", 0)]
    seen = 0
    while folders:
        relative, depth = folders.pop()
        for entry in _entries(root, relative, problems):
            seen += 1
            if seen > max_files:
                raise LimitError(f"{root}: more than {max_files} files; open a smaller folder")
            name = f"{relative}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if depth == max_depth:
                    raise LimitError(f"{root}: folders nested deeper than {max_depth} at '{name}'")
                folders.append((f"{name}/", depth + 1))
            else:
                yield name, entry


def is_picture_name(name: str) -> bool:
    """Whether a file name ends like a picture's."""
    return os.path.splitext(name)[1].casefold() in IMAGE_SUFFIXES  # noqa: PTH122 (a name, not a path)


def _entries(root: Path, relative: str, problems: list[Problem]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / relative) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        if not relative:
            raise DatasetError(f"{root}: the folder cannot be listed ({error.strerror})") from error
        problems.append(Problem(_printable(relative), f"the folder cannot be listed ({error.strerror})"))
        return []


def _why_not(entry: os.DirEntry[str], root: Path) -> str | None:
    """None for a picture, an empty text for a file to ignore, else the reason why it is left out."""
    path = Path(entry.path)
    if entry.name != _printable(entry.name):
        return "the file name is not UTF-8; rename it"
    if path.suffix.casefold() in _COMPANIONS or path.stem.casefold() in _COMPANION_NAMES:
        return ""
    if entry.is_symlink():
        if path.is_dir():
            return "a link to a folder; links to folders are not followed"
        if not is_file(path):
            return "a link that leads to no file"
        if not is_inside(path, root):
            return "a link out of the dataset's folder is not followed; copy the picture instead"
    elif not entry.is_file(follow_symlinks=False):
        return "not a regular file"
    return None if is_picture_name(entry.name) else "not a picture file that can be read; ignored"


def _some(names: Sequence[str]) -> str:
    return f"'{names[0]}'" + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
