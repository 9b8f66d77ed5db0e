"""Tables with the class of each picture, or with one box a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from belvedere.core.errors import DatasetError, ImageError, LimitError
from belvedere.core.limits import Limits
from belvedere.data import labels
from belvedere.data.annotations import Instance
from belvedere.data.dataset import Dataset
from belvedere.data.findings import Findings, first_of
from belvedere.data.fitting import Size, fit_box
from belvedere.data.parts import with_parts
from belvedere.data.record import Record
from belvedere.data.references import Resolver, canonical
from belvedere.data.statistics import size_of

CORNERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "left": ("xmin", "x1", "left", "x-min"),
        "top": ("ymin", "y1", "top", "y-min"),
        "right": ("xmax", "x2", "right", "x-max"),
        "bottom": ("ymax", "y2", "bottom", "y-max"),
    }
)
"""Accepted headings for the corners of a box, in pixels."""

CORNER_AND_SIZE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "left": ("x", "left", "xmin", "bbox-x"),
        "top": ("y", "top", "ymin", "bbox-y"),
        "width": ("w", "box-width", "bbox-width", "width"),
        "height": ("h", "box-height", "bbox-height", "height"),
    }
)
"""Accepted headings for the upper left corner of a box and its size."""

OTHERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "class": ("class", "label", "category", "classes", "labels", "class-name", "name"),
        "split": ("split", "part", "subset"),
        "difficult": ("difficult", "ignore"),
        "crowd": ("crowd", "iscrowd", "is-crowd"),
    }
)

SEPARATOR = "|"
"""Stands between the classes of a picture that has several."""

Rows = Sequence[tuple[int, Sequence[str]]]


@dataclass(frozen=True)
class Columns:
    """Which cell of a row holds what.

    Attributes:
        image: The picture.
        box: The four sides of a box; None for a table without boxes.
        has_corners: Whether the sides are left, top, right, bottom, and not left, top, width, height.
        others: Further columns of ``OTHERS`` by name.
        size: The declared width and height of the picture.
    """

    image: int
    box: tuple[int, int, int, int] | None
    has_corners: bool
    others: Mapping[str, int]
    size: tuple[int, int] | None


def find_columns(headings: Sequence[str], image: int) -> Columns:
    """Find the columns by their headings."""
    places: dict[str, int] = {}
    for place, heading in enumerate(headings):
        places.setdefault(labels.squeeze(heading), place)

    def find(names: Sequence[str]) -> int | None:
        return next((places[squeezed] for name in names if (squeezed := labels.squeeze(name)) in places), None)

    others = {key: at for key, names in OTHERS.items() if (at := find(names)) is not None}
    corners = [find(names) for names in CORNERS.values()]
    sized = [find(names) for names in CORNER_AND_SIZE.values()]
    if all(place is not None for place in corners):
        declared = find(("width", "image-width")), find(("height", "image-height"))
        size = declared if None not in declared else None
        return Columns(image, tuple(corners), True, others, size)  # type: ignore[arg-type]
    if all(place is not None for place in sized):
        declared = find(("image-width",)), find(("image-height",))
        size = declared if None not in declared else None
        return Columns(image, tuple(sized), False, others, size)  # type: ignore[arg-type]
    return Columns(image, None, True, others, None)


def parse_boxes(
    rows: Rows, columns: Columns, name: str, resolver: Resolver, found: Findings, limits: Limits
) -> Dataset:
    """Read a table with one box a row. A row with empty cells for the box is a picture with nothing on it.

    Raises:
        DatasetError: no usable row.
    """
    pictures: dict[str, _Picture] = {}
    lost: dict[str, int] = {}
    classes: dict[str, None] = {}
    for number, row in rows:
        where = f"{name}:{number}"
        reference = row[columns.image].strip() if columns.image < len(row) else ""
        if reference in lost:
            continue  # said at its first row
        title = canonical(reference)
        if title not in pictures:
            try:
                path = resolver.resolve(reference)
            except DatasetError as error:
                found.add(where, f"'{reference[:80]}': {error}; its rows are left out")
                lost[reference] = number
                continue
            declared = _declared(row, columns, where, found)
            pictures[title] = _Picture(Record(title, path), declared, declared or _own_size(title, path, limits))
        picture = pictures[title]
        word = _cell(row, columns, "split").strip()
        if word and not labels.is_split_word(word):
            found.add(where, f"the split '{word[:40]}' is none of train, val, test; left out")
        elif word and picture.word and labels.part_of(word) != labels.part_of(picture.word):
            found.add(where, f"'{title}' is in '{picture.word}' by an earlier row; that counts")
        else:
            picture.word = picture.word or word
        instance = _instance(row, columns, picture.size, where, found)
        if instance is not None:
            classes[instance.label] = None
            picture.instances.append(instance)
    if not pictures:
        raise _empty(name, found)
    records = [picture.done() for picture in pictures.values()]
    words = {title: picture.word for title, picture in pictures.items() if picture.word}
    problems = tuple(found.problems)
    return Dataset(with_parts(records, words), Path(name).stem, (), {}, problems, tuple(sorted(classes)), form="csv")


def parse_classes(rows: Rows, columns: Columns, name: str, resolver: Resolver, found: Findings) -> Dataset:
    """Read a table with the class, or ``several|classes``, of each picture. An empty cell leaves it without.

    Raises:
        DatasetError: no usable row.
    """
    multilabel = any(SEPARATOR in _cell(row, columns, "class") for _, row in rows)
    records: dict[str, Record] = {}
    words: dict[str, str] = {}
    for number, row in rows:
        where = f"{name}:{number}"
        reference = row[columns.image].strip() if columns.image < len(row) else ""
        try:
            record = Record(canonical(reference), resolver.resolve(reference))
        except DatasetError as error:
            found.add(where, f"'{reference[:80]}': {error}" if reference else str(error))
            continue
        if record.name in records:
            found.add(where, f"'{record.name}' is there twice; this row is left out")
            continue
        word = _cell(row, columns, "split").strip()
        if word and not labels.is_split_word(word):
            found.add(where, f"the split '{word[:40]}' is none of train, val, test; it counts as in no part")
        elif word:
            words[record.name] = word
        cell = _cell(row, columns, "class")
        several = tuple(dict.fromkeys(part.strip() for part in cell.split(SEPARATOR) if part.strip()))
        category = several[0] if len(several) == 1 else None
        categories = several if multilabel and several else None
        records[record.name] = Record(record.name, record.path, category=category, categories=categories)
    if not records:
        raise _empty(name, found)
    classes = tuple(sorted({one for record in records.values() for one in record.classes}))
    parted = with_parts(records.values(), words)
    return Dataset(parted, Path(name).stem, (), {}, tuple(found.problems), classes, form="csv")


def says_classes(rows: Rows, columns: Columns) -> bool:
    """Whether most labels of a table are no words for normal and anomaly."""
    cells = [cell for _, row in rows if (cell := _cell(row, columns, "class").strip())]
    return sum(labels.label_of_cell(cell) is None for cell in cells) * 2 > len(cells)


@dataclass
class _Picture:
    """A picture of a table of boxes, and what was found on it so far."""

    record: Record
    declared: Size | None
    size: Size | None
    word: str = ""
    instances: list[Instance] = field(default_factory=list)

    def done(self) -> Record:
        """The record with its boxes."""
        record = self.record
        return Record(record.name, record.path, instances=tuple(self.instances), declared_size=self.declared)


def _instance(row: Sequence[str], columns: Columns, size: Size | None, where: str, found: Findings) -> Instance | None:
    assert columns.box is not None
    cells = [row[place].strip() if place < len(row) else "" for place in columns.box]
    label = _cell(row, columns, "class").strip()
    if not any(cells):
        if label:
            found.add(where, f"names the class '{label[:40]}' but no box; left out")
        return None
    try:
        left, top, right, bottom = map(float, cells)
    except ValueError:
        found.add(where, f"the box {', '.join(cells)[:60]} is not four numbers; left out")
        return None
    if not label:
        found.add(where, "has a box but no class; left out")
        return None
    if not columns.has_corners:
        right, bottom = left + right, top + bottom
    box, problem = fit_box((left, top, right, bottom), size)
    if problem is not None:
        found.add(where, problem)
    flags = {key: _cell(row, columns, key).strip().casefold() in {"1", "true", "yes"} for key in ("difficult", "crowd")}
    return None if box is None else Instance(label, box, crowd=flags["crowd"], ignore=flags["difficult"])


def _cell(row: Sequence[str], columns: Columns, column: str) -> str:
    place = columns.others.get(column)
    return row[place] if place is not None and place < len(row) else ""


def _declared(row: Sequence[str], columns: Columns, where: str, found: Findings) -> Size | None:
    if columns.size is None:
        return None
    cells = [row[place].strip() if place < len(row) else "" for place in columns.size]
    if all(cell.isdecimal() and 0 < int(cell) < 10**9 for cell in cells):
        return int(cells[0]), int(cells[1])
    if any(cells):
        found.add(where, f"declares a size of {' x '.join(cells)[:60]}; the picture's own is taken")
    return None


def _own_size(title: str, path: Path, limits: Limits) -> Size | None:
    try:
        return size_of(Record(title, path), limits)
    except (ImageError, LimitError):
        return None  # reported where the picture is read


def _empty(name: str, found: Findings) -> DatasetError:
    return DatasetError(f"{name}: no usable row{first_of(found.problems, name)}")
