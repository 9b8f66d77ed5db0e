"""The tables of a COCO file: from bytes to lists of objects, every one of them still unchecked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from belvedere.core.errors import DatasetError
from belvedere.data.annotations import KeypointLayout, layout_of
from belvedere.data.findings import Findings

LONGEST_NAME = 1024
"""Most characters of a class name or file name."""


@dataclass(frozen=True)
class Category:
    """One entry of ``categories``: its name, and what its keypoints are where it has some."""

    name: str
    keypoints: KeypointLayout | None


def parse_document(data: bytes, name: str) -> dict[str, Any]:
    """Read the JSON of a COCO file.

    Raises:
        DatasetError: no JSON object with ``images`` and ``annotations``; the message says what it is instead, where
            that is recognisable.
    """
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{name}: not a readable JSON file ({error}); expected COCO annotations") from error
    if isinstance(document, list) and document and isinstance(document[0], dict) and "score" in document[0]:
        raise DatasetError(f"{name}: looks like COCO results (detections with scores), not annotations")
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise DatasetError(f"{name}: no COCO file, which is a JSON object with 'images', 'annotations', 'categories'")
    for key in ("annotations", "categories"):
        if not isinstance(document.setdefault(key, []), list):
            raise DatasetError(f"{name}: '{key}' is not a list, as COCO's format wants")
    return document


def parse_categories(rows: list[Any], name: str, found: Findings) -> dict[int | str, Category]:
    """The categories by id, in the order of the ids. Entries that cannot be used are noted."""
    categories: dict[int | str, Category] = {}
    for place, row in enumerate(rows, 1):
        where = f"{name}: category {place}"
        if not isinstance(row, dict) or not is_id(row.get("id")):
            found.add(where, "is no object with an 'id'; left out")
            continue
        title = row.get("name")
        if not isinstance(title, str) or not title.strip() or len(title) > LONGEST_NAME or not _encodable(title):
            found.add(where, f"has no usable 'name' (id {row['id']}); left out")
            continue
        if row["id"] in categories:
            other = categories[row["id"]].name
            found.add(where, f"the id {row['id']} is there twice: '{other}' is kept, '{title}' is left out")
            continue
        if title in {category.name for category in categories.values()}:
            found.add(where, f"the name '{title}' is there twice; the ids count as one class")
        categories[row["id"]] = Category(title, _layout(row, where, found))
    return dict(sorted(categories.items(), key=lambda item: id_order(item[0])))


def is_id(value: object) -> bool:
    """Whether a value can be an identifier: a whole number or a text."""
    return isinstance(value, int | str) and not isinstance(value, bool)


def id_order(value: int | str) -> tuple[int, int, str]:
    """Numbers by size, then texts by their letters."""
    return (0, value, "") if isinstance(value, int) else (1, 0, value)


def _layout(row: Mapping[str, Any], where: str, found: Findings) -> KeypointLayout | None:
    names = row.get("keypoints")
    if not names:
        return None
    if not isinstance(names, list) or not all(isinstance(one, str) and one for one in names) or len(names) > 1000:
        found.add(where, "'keypoints' is no list of names; its keypoints are left out")
        return None
    pairs = []
    skeleton = row.get("skeleton") or []
    for pair in skeleton if isinstance(skeleton, list) else []:
        fits = isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, int) for one in pair)
        if fits and all(1 <= one <= len(names) for one in pair):
            pairs.append((pair[0] - 1, pair[1] - 1))
        else:
            found.add(where, f"the line {str(pair)[:40]} of the skeleton joins no two keypoints; left out")
    return layout_of(tuple(names), tuple(pairs))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return all(ord(letter) >= 32 for letter in text)
