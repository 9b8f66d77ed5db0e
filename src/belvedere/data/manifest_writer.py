"""Writing a dataset as a Lookout for Vision manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from belvedere.core.errors import DatasetError
from belvedere.core.files import write_bytes, write_text
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.dataset import Dataset
from belvedere.data.manifest_line import CLASSIFICATION, LONGEST_LINE, SEGMENTATION
from belvedere.data.mask_writer import color_png, colors_for
from belvedere.data.masks import Mask
from belvedere.data.record import Label, Record
from belvedere.data.references import canonical
from belvedere.data.statistics import size_of

LABEL_KEY = "anomaly-label"
MASK_KEY = "anomaly-mask-ref"
_NUMBERS: Mapping[Label, int] = {"normal": 0, "anomaly": 1}


def write_manifest(
    dataset: Dataset,
    path: Path,
    *,
    prefix: str | None = None,
    created: datetime | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> None:
    """Write a manifest, and the masks as colour PNGs into the folder ``<stem>-masks`` beside it.

    Masks are written first, the manifest last, each atomically: a manifest never refers to missing masks.
    Splits are not part of the format; write one manifest a part.

    Args:
        dataset: What to write.
        path: The manifest.
        prefix: Put before the name of each picture, and before ``<stem>-masks/`` for masks, such as
            ``s3://bucket/folder``. Without it, pictures below the manifest's folder are referred to by their
            relative path, and others by the ``s3://`` reference that they were read with.
        created: The ``creation-date`` of the lines; now by default.
        limits: Bounds on each picture and mask.

    Raises:
        DatasetError: a picture lies elsewhere and ``prefix`` is not given, a mask cannot be used, or a line
            would be longer than 8,192 characters.
        ImageError: a picture with a mask cannot be read.
        StorageError: the file system refused.
    """
    path = Path(path)
    if not dataset.records:
        raise DatasetError(f"{dataset.name}: no pictures to write")
    date = (created or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    masks_folder = f"{path.stem}-masks"
    lines = []
    taken: set[str] = set()
    colors_of = colors_for(dataset.types, dataset.colors)
    for record in dataset.records:
        fields = classification_fields(_reference(record, path, prefix), record.label, date)
        mask = None if record.mask is None else record.load_mask(*size_of(record, limits), limits)
        if mask is not None and (mask.any or record.label == "anomaly"):
            colors = colors_for(mask.types, colors_of)
            name = f"{masks_folder}/{_mask_name(record, taken)}"
            reference = name if prefix is None else f"{prefix.rstrip('/')}/{name}"
            fields.update(segmentation_fields(reference, mask, colors, date))
            write_bytes(path.parent / name, color_png(mask, colors))
        lines.append(_line(fields, record.name))
    write_text(path, "".join(lines))


def classification_fields(reference: str, label: Label | None, date: str) -> dict[str, Any]:
    """The object of a classification line: 1 for an anomaly, 0 for normal, no label where it is None."""
    fields: dict[str, Any] = {"source-ref": reference}
    if label is not None:
        fields[LABEL_KEY] = _NUMBERS[label]
        fields[f"{LABEL_KEY}-metadata"] = {
            "confidence": 1.0,
            "job-name": f"labeling-job/{LABEL_KEY}",
            "class-name": label,
            "human-annotated": "yes",
            "creation-date": date,
            "type": CLASSIFICATION,
        }
    return fields


def segmentation_fields(reference: str, mask: Mask, colors: Mapping[str, str], date: str) -> dict[str, Any]:
    """The keys that a mask adds to a line; only types that the mask really holds are declared."""
    present = {int(number) for number in np.unique(mask.index)}
    names = [name for number, name in enumerate(mask.types, 1) if number in present]
    if "BACKGROUND" in map(str.upper, names):
        raise DatasetError(f"{reference}: the type 'background' would be read as no anomaly; rename it")
    color_map = {"0": {"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0.0}}
    for number, name in enumerate(names, 1):
        color_map[str(number)] = {"class-name": name, "hex-color": colors[name], "confidence": 1.0}
    return {
        MASK_KEY: reference,
        f"{MASK_KEY}-metadata": {
            "internal-color-map": color_map,
            "job-name": f"labeling-job/{MASK_KEY}",
            "human-annotated": "yes",
            "creation-date": date,
            "type": SEGMENTATION,
        },
    }


def _reference(record: Record, manifest: Path, prefix: str | None) -> str:
    if prefix is not None:
        return f"{prefix.rstrip('/')}/{record.name}"
    folder = manifest.parent.resolve()
    picture = record.path.resolve()
    if picture.is_relative_to(folder):
        return picture.relative_to(folder).as_posix()
    original = (record.line or {}).get("source-ref")
    if isinstance(original, str) and original.lower().startswith("s3://") and canonical(original) == record.name:
        return original
    raise DatasetError(
        f"{record.name}: lies outside {folder}, where the manifest goes; write the manifest above the "
        "pictures, or give the prefix (s3://bucket/folder) under which they will be found"
    )


def _mask_name(record: Record, taken: set[str]) -> str:
    """A file name that no other mask has, whatever its case."""
    stem = PurePosixPath(record.name).stem.lstrip(".") or "mask"
    number, name = 1, f"{stem}.png"
    while name.casefold() in taken:
        number += 1
        name = f"{stem}-{number}.png"
    taken.add(name.casefold())
    return name


def _line(fields: Mapping[str, Any], name: str) -> str:
    text = json.dumps(fields)
    if len(text) > LONGEST_LINE:
        raise DatasetError(f"{name}: its line would have {len(text)} characters, more than {LONGEST_LINE}")
    return f"{text}\n"
