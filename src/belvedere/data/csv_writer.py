"""Writing a dataset as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from belvedere.core.errors import DatasetError
from belvedere.core.files import write_bytes, write_text
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.dataset import Dataset
from belvedere.data.masks import BinaryMask
from belvedere.data.record import Record
from belvedere.data.statistics import size_of
from belvedere.vision.encode import png_bytes

HEADER = ("image", "label", "split", "kind", "mask")


def write_csv(dataset: Dataset, path: Path, limits: Limits = DEFAULT_LIMITS) -> None:
    """Write a table with the columns image, label, split, kind and mask; empty cells where nothing is known.

    Paths are relative to the table. Colour masks are written as binary ones into ``<stem>-masks`` beside it,
    before the table; each file is written atomically.

    Args:
        dataset: What to write.
        path: The table; ``.tsv`` is separated by tabs, everything else by commas.
        limits: Bounds on each picture and mask.

    Raises:
        DatasetError: a picture does not lie below the table's folder, or a mask cannot be used.
        ImageError: a picture with a colour mask cannot be read.
        StorageError: the file system refused.
    """
    path = Path(path)
    if not dataset.records:
        raise DatasetError(f"{dataset.name}: no pictures to write")
    folder = path.parent.resolve()
    rows = [
        (
            _relative(record.path, folder, record.name),
            record.label or "",
            record.split or "",
            record.kind or "",
            _mask(record, number, path, folder, limits),
        )
        for number, record in enumerate(dataset.records, 1)
    ]
    write_text(path, table_text(rows, "\t" if path.suffix.casefold() == ".tsv" else ","))


def table_text(rows: Iterable[Sequence[str]], delimiter: str = ",") -> str:
    """The text of a table with ``HEADER`` and ``rows``."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(rows)
    return stream.getvalue()


def _relative(path: Path, folder: Path, name: str) -> str:
    resolved = path.resolve()
    if not resolved.is_relative_to(folder):
        raise DatasetError(f"{name}: {path} lies outside {folder}; write the table into a folder above the pictures")
    return resolved.relative_to(folder).as_posix()


def _mask(record: Record, number: int, table: Path, folder: Path, limits: Limits) -> str:
    if record.mask is None:
        return ""
    if isinstance(record.mask, BinaryMask) and record.mask.path.resolve().is_relative_to(folder):
        return _relative(record.mask.path, folder, record.name)
    mask = record.load_mask(*size_of(record, limits), limits)
    if mask is None or not (mask.any or record.label == "anomaly"):
        return ""
    name = f"{table.stem}-masks/{number:06d}-{PurePosixPath(record.name).stem}.png"
    write_bytes(table.parent / name, png_bytes(mask.binary))
    return name
