"""Tables (CSV, TSV) with one picture a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from belvedere.core.errors import DatasetError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data import labels
from belvedere.data.csv_objects import find_columns, parse_boxes, parse_classes, says_classes
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.findings import Findings, first_of
from belvedere.data.masks import DEFAULT_TYPE, BinaryMask
from belvedere.data.reading import read_file
from belvedere.data.record import Label, Record, Split
from belvedere.data.references import Resolver, canonical, resolver_for

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "image": ("image", "path", "file", "filename", "source-ref"),
        "label": ("label", "class", "anomaly"),
        "split": ("split", "part", "subset"),
        "kind": ("kind", "defect", "type"),
        "mask": ("mask", "mask-path", "mask-ref"),
    }
)
"""Accepted headings per column, compared like folder words; of several in a table the first one counts."""

DELIMITERS = (",", ";", "\t")

_NO_KIND = frozenset({"", "none", "normal", "good", "ok", "n/a", "-"})


def read_csv(
    path: Path,
    *,
    maps: Sequence[tuple[str, Path]] = (),
    strict: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    task: str | None = None,
) -> Dataset:
    """Read a table with a header row.

    Needed is a column for the picture; columns for label, split, kind and mask are optional (``COLUMNS``).
    A label is one of the words for normal and anomaly, or ``1``/``true``/``yes`` for an anomaly and
    ``0``/``false``/``no`` for normal; an empty cell leaves the picture unlabelled. Masks are binary.
    Comma, semicolon or tab separate the cells.

    A table with columns for a box (``belvedere.data.csv_objects``) holds one box a row. One whose labels are mostly
    other words than those for normal and anomaly holds the classes of pictures; ``a|b`` are two.

    Args:
        path: The table, UTF-8.
        maps: Where prefixes of references lie on this machine.
        strict: Raise at the first wrong row instead of listing it.
        limits: Bounds on the file.
        task: What the dataset is for; ``anomaly`` and ``classification`` decide what the labels are.

    Raises:
        DatasetError: the table cannot be read, has no column for pictures, or no usable row.
        LimitError: the table is over a limit.
    """
    path = Path(path)
    data = read_file(path, limits.manifest_bytes, str(path))
    return parse_csv(data, path.name, resolver_for(path, maps), strict=strict, limits=limits, task=task)


def parse_csv(
    data: bytes,
    name: str,
    resolver: Resolver,
    *,
    strict: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    task: str | None = None,
) -> Dataset:
    """Read a table from its bytes; see :func:`read_csv`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DatasetError(f"{name}:{line}: not UTF-8; save the table as UTF-8") from error
    headings, columns, rows, found = _rows(text, name)
    other = find_columns(headings, columns["image"])
    if task != "anomaly" and (other.box is not None or task == "classification" or says_classes(rows, other)):
        findings = Findings(strict)
        for _, problem in found:
            findings.add(problem.where, problem.reason)
        if other.box is not None and task != "classification":
            return parse_boxes(rows, other, name, resolver, findings, limits)
        return parse_classes(rows, other, name, resolver, findings)
    parts = {labels.squeeze(_cell(row, columns, "split")) for _, row in rows}
    has_test = any(map(labels.is_test_word, parts))
    records: dict[str, Record] = {}
    for number, row in rows:
        try:
            record, mask_problem = _record(row, columns, resolver, has_test)
        except DatasetError as error:
            found.append((number, Problem(f"{name}:{number}", str(error))))
            continue
        if record.name in records:
            reason = f"'{record.name}' is there twice; this row is left out"
            found.append((number, Problem(f"{name}:{number}", reason)))
            continue
        if mask_problem:
            found.append((number, Problem(f"{name}:{number}", mask_problem, kept=True)))
        records[record.name] = replace(record, origin=f"{name}:{number}")
    problems = tuple(problem for _, problem in sorted(found, key=lambda pair: pair[0]))
    if strict and problems:
        raise DatasetError(str(problems[0]))
    if not records:
        raise DatasetError(f"{name}: no usable row{first_of(problems, name)}")
    types = {record.mask.type for record in records.values() if isinstance(record.mask, BinaryMask)}
    return Dataset(tuple(records.values()), Path(name).stem, tuple(sorted(types)), {}, problems, form="csv")


def _rows(
    text: str, name: str
) -> tuple[list[str], dict[str, int], list[tuple[int, list[str]]], list[tuple[int, Problem]]]:
    """The headings; where each column is; the rows with their line numbers; rows that are no rows."""
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    problems: list[tuple[int, Problem]] = []
    columns: dict[str, int] | None = None
    headings: list[str] = []
    while True:
        start = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            problem = Problem(f"{name}:{start}", f"not a row of a table ({error})")
            if columns is None:
                raise DatasetError(str(problem)) from error
            problems.append((start, problem))
            continue
        if row is None:
            break
        if not any(cell.strip() for cell in row):
            continue
        if columns is None:
            columns, headings = _columns(row, name, start), row
        elif len(row) > len(headings):
            reason = f"{len(row)} cells under {len(headings)} headings; quote the cells"
            problems.append((start, Problem(f"{name}:{start}", reason)))
        else:
            rows.append((start, row))
    if columns is None:
        raise DatasetError(f"{name}: the table is empty; expected a header row such as image,label")
    return headings, columns, rows, problems


def _delimiter(text: str) -> str:
    """The delimiter under which the first line has a heading for pictures, and most headings."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    headings = {delimiter: [cell.strip('"') for cell in header.split(delimiter)] for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda d: (_find(headings[d], "image") is not None, len(headings[d])))


def _find(headings: Sequence[str], column: str) -> int | None:
    squeezed = [labels.squeeze(heading) for heading in headings]
    names = map(labels.squeeze, COLUMNS[column])
    return next((squeezed.index(name) for name in names if name in squeezed), None)


def _columns(headings: Sequence[str], name: str, line: int) -> dict[str, int]:
    found = {column: place for column in COLUMNS if (place := _find(headings, column)) is not None}
    if "image" not in found:
        raise DatasetError(
            f"{name}:{line}: no column for the pictures; expected one called {', '.join(COLUMNS['image'])} "
            f"in the header row, found {', '.join(repr(heading[:40]) for heading in headings[:12])}"
        )
    return found


def _cell(row: Sequence[str], columns: Mapping[str, int], column: str) -> str:
    place = columns.get(column)
    return row[place] if place is not None and place < len(row) else ""


def _record(
    row: Sequence[str], columns: Mapping[str, int], resolver: Resolver, has_test: bool
) -> tuple[Record, str | None]:
    """The record of a row, and why its mask is left out."""
    name, path = _resolve(_cell(row, columns, "image"), resolver)
    label = _label(_cell(row, columns, "label"))
    cell = _cell(row, columns, "kind").strip()
    kind = cell if label == "anomaly" and cell.casefold() not in _NO_KIND else None
    split = _split(_cell(row, columns, "split"), has_test)
    mask = problem = None
    if _cell(row, columns, "mask").strip():
        try:
            mask = BinaryMask(_resolve(_cell(row, columns, "mask"), resolver)[1], kind or DEFAULT_TYPE)
        except DatasetError as error:
            problem = f"mask {error}; the picture is used without its mask"
    return Record(name, path, label, kind, split, mask), problem


def _resolve(reference: str, resolver: Resolver) -> tuple[str, Path]:
    """Name and file of a cell; spaces around a reference count only where a file is really called so."""
    try:
        return canonical(reference), resolver.resolve(reference)
    except DatasetError:
        stripped = reference.strip()
        try:
            return canonical(stripped), resolver.resolve(stripped)
        except DatasetError as error:
            raise DatasetError(f"'{reference}': {error}") from error


def _label(cell: str) -> Label | None:
    if not cell.strip():
        return None
    label = labels.label_of_cell(cell)
    if label is None:
        raise DatasetError(
            f"the label '{cell}' is neither normal nor anomaly (also good/bad, ok/ng, pass/fail, 0/1, "
            "false/true); write anomaly, and the sort of anomaly into a column 'kind'"
        )
    return label


def _split(cell: str, has_test: bool) -> Split | None:
    if not cell.strip():
        return None
    part = labels.split_of(cell, has_test)
    if part is None:
        raise DatasetError(f"the split '{cell}' is none of train, test, validation")
    return part
