"""Finding the masks that belong to the pictures of a folder, by their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import PurePosixPath

from belvedere.data import labels
from belvedere.data.record import Label

_LOSSY = frozenset({".jpg", ".jpeg"})


@dataclass(frozen=True)
class Place:
    """What the folders above a picture say about it.

    Attributes:
        split_word: The word for the part of the dataset.
        label: The label, where a folder says one.
        kind: The kind of anomaly.
        unknown: A folder name that says nothing alone.
    """

    split_word: str | None
    label: Label | None
    kind: str | None
    unknown: str | None


def match_masks(places: Mapping[str, Place], masks: AbstractSet[str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Give each picture its mask.

    The mask of ``test/dent/7.png`` is called ``7_mask.png`` or ``7.png`` and lies, with the mask folder's own
    name cut out, in ``test/dent``, ``dent``, ``test``, or nothing. Pictures labelled normal have masks only at
    their own place. A mask that could belong to several pictures is given to none.

    Args:
        places: The pictures, by their POSIX path.
        masks: POSIX paths of the files in mask folders.

    Returns:
        The mask of each picture that has one, and (mask, reason) for each mask that is not used.
    """
    known, unused = _by_place(masks)
    owned: dict[str, str] = {}
    for name, place in places.items():
        stem = PurePosixPath(name).stem
        mask = next((known[key] for folder in _folders(name, place) if (key := (folder, stem)) in known), None)
        if mask is not None:
            owned[name] = mask
            unused.pop(mask, None)
    claims = Counter(owned.values())
    for mask, count in claims.items():
        if count > 1:
            unused[mask] = f"{count} pictures could own this mask; sort the masks into the same folders"
    owned = {name: mask for name, mask in owned.items() if claims[mask] == 1}
    return owned, sorted(unused.items())


def _by_place(masks: AbstractSet[str]) -> tuple[dict[tuple[str, str], str], dict[str, str]]:
    """Masks by (folder without the mask folder, stem without ``_mask``); why each is unused until it is found."""
    known: dict[tuple[str, str], str] = {}
    unused: dict[str, str] = {}
    for name in sorted(masks):
        path = PurePosixPath(name)
        if path.suffix.casefold() in _LOSSY:
            unused[name] = "a JPEG blurs masks; save it as PNG"
            continue
        unused[name] = "a mask without a picture of that name"
        folder = "/".join(part for part in path.parts[:-1] if not labels.is_mask_folder(part))
        known.setdefault((folder, path.stem.removesuffix("_mask")), name)
    return known, unused


def _folders(name: str, place: Place) -> Iterator[str]:
    """Where the mask of a picture may lie, the most exact place first."""
    folders = PurePosixPath(name).parts[:-1]
    yield "/".join(folders)
    if place.split_word:
        yield "/".join(folders[1:])
    if place.label == "normal":
        return
    part = [place.split_word] if place.split_word else []
    kind = [place.kind] if place.kind else []
    yield "/".join([*part, *kind])
    yield "/".join(kind)
    yield "/".join(part)
    yield ""
