"""Reading COCO files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from belvedere.core.errors import DatasetError, ImageError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data import labels
from belvedere.data.annotations import Instance, KeypointLayout
from belvedere.data.coco.annotation import parse_annotation
from belvedere.data.coco.document import LONGEST_NAME, Category, is_id, parse_categories, parse_document
from belvedere.data.dataset import Dataset
from belvedere.data.findings import Findings, first_of
from belvedere.data.fitting import Size
from belvedere.data.reading import read_file
from belvedere.data.record import Record
from belvedere.data.references import Resolver, canonical
from belvedere.data.statistics import size_of


def read_coco(
    path: Path,
    *,
    maps: Sequence[tuple[str, Path]] = (),
    strict: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Dataset:
    """Read a COCO file of instances or keypoints.

    Pictures are looked for beside the file, in ``images/``, and, where the file lies in ``annotations/``, in the
    folders beside that. Crowds (``iscrowd``) and VOC's ``difficult`` are kept as such. What cannot be used is left
    out and named by the id of its annotation; boxes and polygons that reach outside of the picture are clipped.

    Args:
        path: The file.
        maps: Where prefixes of ``file_name`` lie on this machine.
        strict: Raise at the first problem.
        limits: Bounds on the file.

    Raises:
        DatasetError: not a COCO file, or none of its pictures is there.
        LimitError: the file is over a limit.
    """
    path = Path(path)
    data = read_file(path, limits.manifest_bytes, str(path))
    folders = picture_folders(path)
    return parse_coco(data, path.name, Resolver(folders, tuple(maps), path.name), strict=strict, limits=limits)


def parse_coco(
    data: bytes, name: str, resolver: Resolver, *, strict: bool = False, limits: Limits = DEFAULT_LIMITS
) -> Dataset:
    """Read a COCO file from its bytes; see `read_coco`."""
    document = parse_document(data, name)
    found = Findings(strict)
    categories = parse_categories(document["categories"], name, found)
    pictures = _pictures(document["images"], name, resolver, found, limits)
    _attach(document["annotations"], name, categories, pictures, found)
    if not pictures:
        told = first_of(found.problems, name)
        raise DatasetError(f"{name}: a COCO file without a picture that can be used{told}")
    records = [picture.record() for picture in pictures.values() if not picture.lost]
    if not records:
        told = first_of(found.problems, name)
        raise DatasetError(f"{name}: none of the {len(pictures)} pictures of this COCO file is there{told}")
    classes = tuple(dict.fromkeys(category.name for category in categories.values()))
    layout = _layout(categories, name, found)
    return Dataset(tuple(records), Path(name).stem, (), {}, tuple(found.problems), classes, layout, "coco")


def picture_folders(path: Path) -> tuple[Path, ...]:
    """Where the pictures of a COCO file may lie, the most likely place first."""
    own = path.absolute().parent
    folders = [own, own / "images"]
    if own.name.casefold() in {"annotations", "labels"}:
        part = path.stem.rpartition("_")[2]
        folders += [own.parent / part, own.parent / "images" / part, own.parent / "images", own.parent]
    return tuple(folder for folder in folders if folder.is_dir())


def part_of(name: str) -> str | None:
    """The word for a part of a dataset in a file name such as ``instances_val2017.json``, or None."""
    words = "".join(letter if letter.isalpha() else " " for letter in Path(name).stem).split()
    return next((word.casefold() for word in reversed(words) if labels.is_split_word(word)), None)


@dataclass
class _Picture:
    """An entry of ``images``, and what was found on it so far."""

    name: str
    path: Path | None
    size: Size | None
    declared: Size | None
    row: dict[str, Any]
    instances: list[Instance] = field(default_factory=list)

    @property
    def lost(self) -> bool:
        """Whether its file was not found."""
        return self.path is None

    def record(self) -> Record:
        """The picture as a record of the dataset."""
        assert self.path is not None
        return Record(self.name, self.path, line=self.row, instances=tuple(self.instances), declared_size=self.declared)


def _pictures(
    rows: list[Any], name: str, resolver: Resolver, found: Findings, limits: Limits
) -> dict[int | str, _Picture]:
    pictures: dict[int | str, _Picture] = {}
    taken: dict[str, int | str] = {}
    for place, row in enumerate(rows, 1):
        file = row.get("file_name") if isinstance(row, dict) else None
        if not isinstance(row, dict) or not is_id(row.get("id")) or not isinstance(file, str):
            found.add(f"{name}: image {place}", "is no object with 'id' and 'file_name'; left out")
            continue
        where = f"{name}: image {row['id']} '{_short(file)}'"
        title = canonical(file)
        if row["id"] in pictures:
            found.add(where, f"its id is that of '{pictures[row['id']].name}' too; left out")
            continue
        if title in taken:
            found.add(where, f"is listed already, as image {taken[title]}; left out")
            continue
        taken[title] = row["id"]
        path = None
        try:
            path = resolver.resolve(file)
        except DatasetError as error:
            found.add(where, f"{error}; the picture and its annotations are left out")
        declared = _declared(row, where, found)
        size = declared
        if size is None and path is not None:
            try:
                size = size_of(Record(title, path), limits)
            except (ImageError, LimitError):
                size = None  # reported where the picture is read
        pictures[row["id"]] = _Picture(title, path, size, declared, row)
    return pictures


def _declared(row: dict[str, Any], where: str, found: Findings) -> Size | None:
    width, height = row.get("width"), row.get("height")
    if width is None and height is None:
        return None
    values = [one for one in (width, height) if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(values) != 2 or not all(0 < one < 10**9 and one == int(one) for one in values):
        found.add(where, f"declares a size of {str(width)[:20]} x {str(height)[:20]}; the picture's own is taken")
        return None
    return int(values[0]), int(values[1])


def _attach(
    rows: list[Any],
    name: str,
    categories: dict[int | str, Category],
    pictures: dict[int | str, _Picture],
    found: Findings,
) -> None:
    seen: set[int | str] = set()
    for place, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            found.add(f"{name}: annotation {place}", "is no object; left out")
            continue
        number = row.get("id")
        where = f"{name}: annotation {number if is_id(number) else f'number {place}'}"
        picture = pictures.get(row["image_id"]) if is_id(row.get("image_id")) else None
        if picture is None:
            found.add(where, f"there is no image {str(row.get('image_id'))[:40]!r} in the file; left out")
            continue
        if picture.lost:
            continue  # said with the picture
        where += f" of '{_short(picture.name)}'"
        category = categories.get(row["category_id"]) if is_id(row.get("category_id")) else None
        if category is None:
            found.add(where, f"there is no category {str(row.get('category_id'))[:40]!r} in the file; left out")
            continue
        if is_id(number):
            if number in seen:
                found.add(where, "its id is there twice; it is kept without its id")
                row = {**row, "id": None}
            seen.add(number)  # type: ignore[arg-type]
        instance = parse_annotation(row, category, picture.size, where, found)
        if instance is not None:
            picture.instances.append(instance)


def _layout(categories: dict[int | str, Category], name: str, found: Findings) -> KeypointLayout | None:
    layouts = [(category.name, category.keypoints) for category in categories.values() if category.keypoints]
    if not layouts:
        return None
    first, layout = layouts[0]
    for other, different in layouts[1:]:
        if different.names != layout.names:
            found.add(name, f"'{other}' has other keypoints than '{first}'; only those of '{first}' are described")
    return layout


def _short(text: str) -> str:
    shown = text if len(text) <= 80 else f"...{text[-77:]}"
    return os.fsencode(shown).decode("utf-8", "replace") if len(text) <= LONGEST_NAME else shown[:80]
