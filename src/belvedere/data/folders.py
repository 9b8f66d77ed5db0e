"""Folders of pictures, labelled by their names.

Read are ``normal/`` and ``anomaly/`` (or other words of :mod:`belvedere.data.labels`) with anomaly kinds as
folders below or beside them, the same under ``train/`` and ``test/``, the layout of MVTec AD (Bergmann et al.
2019, https://doi.org/10.1109/CVPR.2019.00982), and flat folders of unlabelled pictures. Masks lie in a folder
``ground_truth/`` or ``masks/``, at the same place as the picture or by kind, as ``<stem>_mask.png`` or
``<stem>.png``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from belvedere.core.errors import DatasetError
from belvedere.data import labels
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.mask_finder import Place, match_masks
from belvedere.data.masks import DEFAULT_TYPE, BinaryMask
from belvedere.data.record import Record
from belvedere.data.scan import list_pictures


def read_folder(root: Path) -> Dataset:
    """Read a folder of pictures.

    Words for labels and parts are compared without regard to case. Beside a folder of normal pictures,
    folders of other names are anomaly kinds, as are the folders inside ``anomaly/``; deeper folders, and
    folders inside ``normal/``, mean nothing. Pictures beside such folders are unlabelled. One folder that
    wraps everything is looked through. ``validation/`` counts as test where there is no ``test/``, else as
    train.

    Returns:
        The pictures sorted by their POSIX path below ``root``, which is also their name.

    Raises:
        DatasetError: no picture, or folders whose names say neither normal nor anomaly.
        LimitError: too many files, or folders nested too deep.
    """
    listing = list_pictures(root)
    wrapper = _wrapper(listing.pictures)
    inside = [name[len(wrapper) :] for name in listing.pictures]
    masks = {name for name in inside if any(map(labels.is_mask_folder, PurePosixPath(name).parts[:-1]))}
    names = [name for name in inside if name not in masks]
    if not names:
        raise DatasetError(_empty(root, bool(masks)) + listing.left_out())
    places = {name: _place(PurePosixPath(name).parts[:-1]) for name in names}
    _require_meaning(root, wrapper, places, listing.left_out())
    owned, mask_problems = match_masks(places, masks)
    has_test = any(labels.is_test_word(place.split_word or "") for place in places.values())
    records = [_record(root, wrapper, name, places[name], has_test, owned) for name in names]
    types = dict.fromkeys(record.mask.type for record in records if isinstance(record.mask, BinaryMask))
    problems = [*listing.problems, *(Problem(wrapper + name, reason) for name, reason in mask_problems)]
    form = "folders" if any(record.label for record in records) else None
    return Dataset(tuple(records), root.resolve().name, tuple(sorted(types)), problems=tuple(problems), form=form)


def _wrapper(pictures: tuple[str, ...]) -> str:
    """The folders, with a trailing slash, that hold everything and whose names mean nothing."""
    wrapper = ""
    while True:
        tops = {name[len(wrapper) :].partition("/")[0::2] for name in pictures}
        heads = {head for head, rest in tops if rest}
        if len(heads) != 1 or any(not rest for _, rest in tops):
            return wrapper
        (head,) = heads
        if labels.label_of(head) or labels.is_split_word(head) or labels.is_mask_folder(head):
            return wrapper
        wrapper += f"{head}/"


def _place(folders: tuple[str, ...]) -> Place:
    split_word = None
    if folders and labels.is_split_word(folders[0]):
        split_word, folders = folders[0], folders[1:]
    if not folders:
        return Place(split_word, None, None, None)
    label = labels.label_of(folders[0])
    if label is None:
        return Place(split_word, None, None, folders[0])
    kind = folders[1] if label == "anomaly" and len(folders) > 1 else None
    return Place(split_word, label, kind, None)


def _require_meaning(root: Path, wrapper: str, places: dict[str, Place], left_out: str) -> None:
    """Make kinds of the unknown folders; refuse where no folder of normal pictures says what they are."""
    unknown = sorted({place.unknown for place in places.values() if place.unknown is not None})
    if not unknown:
        return
    if any(place.label == "normal" for place in places.values()):
        for name, place in places.items():
            if place.unknown is not None:
                places[name] = replace(place, label="anomaly", kind=place.unknown)
        return
    manifests = sorted(path.relative_to(root).as_posix() for path in root.glob("*/*.manifest"))
    hint = f"; '{manifests[0]}' looks like a manifest of this dataset: open that" if manifests else ""
    shown = ", ".join(map(repr, unknown[:8])) + (" ..." if len(unknown) > 8 else "")
    raise DatasetError(
        f"{root / wrapper}: the folders {shown} "
        "do not say which pictures are normal; rename the folder of normal pictures to 'normal' and put "
        f"the others into 'anomaly' or beside it, or open one folder of unlabelled pictures{hint}{left_out}"
    )


def _record(root: Path, wrapper: str, name: str, place: Place, has_test: bool, owned: Mapping[str, str]) -> Record:
    mask = owned.get(name)
    return Record(
        name=wrapper + name,
        path=root / wrapper / name,
        label=place.label,
        kind=place.kind,
        split=labels.split_of(place.split_word or "", has_test),
        mask=None if mask is None else BinaryMask(root / wrapper / mask, place.kind or DEFAULT_TYPE),
    )


def _empty(root: Path, only_masks: bool) -> str:
    if only_masks:
        return f"{root}: only masks, no pictures; open the folder that holds the pictures too"
    return (
        f"{root}: no pictures (.jpg .jpeg .png .webp .bmp .tif .tiff); expected folders 'normal' and "
        "'anomaly', an MVTec layout, or a flat folder of pictures"
    )
