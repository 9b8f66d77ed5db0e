"""Folders with COCO files: one a part, with the pictures beside them or in folders of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from belvedere.core.errors import DatasetError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.annotations import KeypointLayout
from belvedere.data.coco.read import part_of, read_coco
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.parts import with_parts, word_in
from belvedere.data.reading import is_file
from belvedere.data.record import Record

_KEYPOINTS, _OTHERS = "keypoints", ("captions", "stuff", "panoptic", "image_info")
_PEEK, _TAIL = 1 << 20, 1 << 16
_KEYS = (b'"images"', b'"annotations"', b'"categories"')


def find_coco(root: Path, task: str | None = None) -> list[Path]:
    """The COCO files in a folder, its ``annotations`` and the folders of parts, told by their content.

    Of COCO's own several files about the same pictures, those of instances are taken, or of keypoints for ``pose``.
    """
    candidates = sorted(path for pattern in ("*.json", "*/*.json") for path in root.glob(pattern) if is_file(path))
    files = [path for path in candidates if not path.name.startswith(".") and looks_like_coco(path)]
    plain = [path for path in files if not any(word in path.stem for word in (*_OTHERS, _KEYPOINTS))]
    keypoints = [path for path in files if _KEYPOINTS in path.stem]
    return (keypoints or plain or files) if task == "pose" else (plain or keypoints or files)


def looks_like_coco(path: Path) -> bool:
    """Whether the beginning and the end of a file have the words of a COCO file."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_PEEK)
            size = path.stat().st_size
            stream.seek(max(0, size - _TAIL))
            text = head + stream.read(_TAIL)
    except OSError:
        return False
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and sum(key in text for key in _KEYS) >= 2


def read_coco_folder(
    root: Path,
    files: Sequence[Path],
    *,
    maps: Sequence[tuple[str, Path]] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> Dataset:
    """Read COCO files of one folder as the parts of one dataset.

    The part of a picture is the one that the name of its file says (``instances_val2017.json``, ``train.json``), or the
    folder that the file lies in. Classes are those of all files. Pictures are named by their path below ``root``.

    Raises:
        DatasetError: a file cannot be read.
        LimitError: over a limit.
    """
    records: dict[str, Record] = {}
    owners: dict[str, str] = {}
    words: dict[str, str] = {}
    problems: list[Problem] = []
    classes: dict[str, None] = {}
    layout: KeypointLayout | None = None
    for file in files:
        name = file.relative_to(root).as_posix()
        word = part_of(file.name) or word_in(PurePosixPath(name).parts[:-1])
        read = read_coco(file, maps=maps, limits=limits)
        problems += [Problem(name + one.where.removeprefix(file.name), one.reason) for one in read.problems]
        classes.update(dict.fromkeys(read.classes))
        layout = layout or read.keypoints
        for record in read.records:
            title = _title(record, root)
            if title in records:
                problems.append(Problem(name, f"'{title}' is in {owners[title]} too; that counts"))
                continue
            records[title], owners[title] = replace(record, name=title), name
            if word:
                words[title] = word
    if not records:
        raise DatasetError(f"{root}: no COCO file with pictures")
    parted = with_parts(records.values(), words)
    return Dataset(parted, root.resolve().name, (), {}, tuple(problems), tuple(classes), layout, "coco")


def _title(record: Record, root: Path) -> str:
    path, top = record.path.absolute(), root.absolute()
    return path.relative_to(top).as_posix() if path.is_relative_to(top) else record.name
