"""One line of a Lookout for Vision or Ground Truth manifest: from text to values.

The rules are those of the augmented manifests that Lookout for Vision read: ``class-name`` alone decides the
label (published manifests disagree about what the number means), and a label of a mask is known by its
``class-name``, its pixels by ``hex-color``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from belvedere.core.errors import DatasetError
from belvedere.data.record import Label

LONGEST_LINE = 8192
"""Most characters that a line of a Lookout for Vision manifest may have."""

CLASSIFICATION = "groundtruth/image-classification"
SEGMENTATION = "groundtruth/semantic-segmentation"
DETECTION = "groundtruth/object-detection"
MULTILABEL = "groundtruth/image-classification-multilabel"
METADATA = "-metadata"

LONG_TYPES = frozenset({DETECTION, MULTILABEL})
"""Types of attributes with lists, whose lines may be longer than others."""

_HEX = re.compile(r"#?[0-9a-fA-F]{6}")
_WHITE = "#FFFFFF"
_BACKGROUND = "BACKGROUND"


@dataclass(frozen=True)
class MaskReference:
    """A colour mask as a line declares it: the reference, (label, ``#RRGGBB``) pairs, background colours."""

    reference: str
    labels: tuple[tuple[str, str], ...]
    background: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """What one line says.

    Attributes:
        source: The value of ``source-ref``.
        label: ``normal`` or ``anomaly``; None where the line holds no such class.
        mask: The first mask of the line.
        mask_problem: Why a ``-ref`` of the line is not used as a mask.
        fields: The whole object.
    """

    source: str
    label: Label | None
    mask: MaskReference | None
    mask_problem: str | None
    fields: Mapping[str, Any]


def parse_line(text: str) -> Line:
    """Read one line.

    Raises:
        DatasetError: with the reason: too long, no JSON object, no ``source-ref``, a label attribute without
            its value, or a mask whose colours are not declared properly.
    """
    fields = _object(text)
    # Boxes take more room, and their manifests have no such bound.
    if len(text) > LONGEST_LINE and not _has_room(fields):
        raise DatasetError(f"the line has {len(text)} characters, more than {LONGEST_LINE}")
    source = fields.get("source-ref")
    if not isinstance(source, str) or not source.strip():
        raise DatasetError("no 'source-ref' with the picture's address")
    mask, mask_problem = _mask(fields)
    return Line(source, _label(fields), mask, mask_problem, fields)


def _has_room(fields: Mapping[str, Any]) -> bool:
    return any(isinstance(value, dict) and value.get("type") in LONG_TYPES for value in fields.values())


def _object(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text, parse_constant=_no_constant)
        json.dumps(fields, ensure_ascii=False).encode()  # lone surrogates cannot be file names or be written
    except UnicodeEncodeError as error:
        raise DatasetError("the line holds half of a surrogate pair, which is no character") from error
    except RecursionError as error:
        raise DatasetError("the object is nested too deep") from error
    except ValueError as error:
        raise DatasetError(f"not a JSON object ({error})") from error
    if not isinstance(fields, dict):
        raise DatasetError("not a JSON object; every line must be one {...}")
    return fields


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _label(fields: Mapping[str, Any]) -> Label | None:
    """The class of the first attribute whose metadata is of the image classification type."""
    for key, metadata in fields.items():
        if not key.endswith(METADATA) or not isinstance(metadata, dict) or metadata.get("type") != CLASSIFICATION:
            continue
        attribute = key.removesuffix(METADATA)
        if attribute not in fields:
            raise DatasetError(f"'{key}' has no '{attribute}' beside it")
        name = metadata.get("class-name")
        if name == "normal":
            return "normal"
        return "anomaly" if name == "anomaly" else None
    return None


def _mask(fields: Mapping[str, Any]) -> tuple[MaskReference | None, str | None]:
    problem = None
    for key, value in fields.items():
        if not key.endswith("-ref") or key == "source-ref":
            continue
        metadata = fields.get(key + METADATA)
        if not isinstance(metadata, dict):
            problem = problem or f"'{key}' has no '{key}{METADATA}', so its colours are unknown; the mask is left out"
            continue
        if metadata.get("type") != SEGMENTATION:
            continue
        if not isinstance(value, str):
            raise DatasetError(f"'{key}' must be the address of a mask")
        labels, background = _colors(metadata.get("internal-color-map"), f"{key}{METADATA}")
        return MaskReference(value, labels, background), None
    return None, problem


def _colors(value: object, where: str) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    if not isinstance(value, dict):
        raise DatasetError(f"'{where}' has no 'internal-color-map' object")
    owners: dict[str, str] = {}
    background: list[str] = []
    for key in sorted(value, key=_order):
        entry = value[key]
        name = entry.get("class-name") if isinstance(entry, dict) else None
        color = entry.get("hex-color") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            raise DatasetError(f"'{where}': entry '{key}' of the colour map has no 'class-name'")
        if color is None and name.upper() == _BACKGROUND:
            continue  # white and black are background anyway
        if color is None:
            raise DatasetError(f"'{where}': '{name}' has no 'hex-color' such as #23A436")
        if not isinstance(color, str) or not _HEX.fullmatch(color):
            shown = repr(color) if len(repr(color)) <= 20 else f"{color!r:.20}..."
            raise DatasetError(
                f"'{where}': the 'hex-color' of '{name}' is {shown}: expected six digits such as #23A436"
            )
        color = f"#{color.removeprefix('#').upper()}"
        if name.upper() == _BACKGROUND or color == _WHITE:
            background.append(color)
        elif owners.setdefault(color, name) != name:
            raise DatasetError(f"'{where}': '{owners[color]}' and '{name}' have the same colour {color}")
    if len(set(owners.values())) > 255:
        raise DatasetError(f"'{where}': more than 255 labels")
    return tuple((name, color) for color, name in owners.items()), tuple(background)


def _order(key: str) -> tuple[int, int]:
    """Numbered entries in the order of their numbers, others behind them as they come."""
    return (0, int(key)) if key.isascii() and key.isdigit() and len(key) < 10 else (1, 0)
