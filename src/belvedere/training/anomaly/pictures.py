"""Which pictures of a dataset training uses, and what it says about those that it does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from belvedere.core.errors import TrainingError
from belvedere.data.checks import check
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.training.anomaly.shapes import odd_shapes

FEWEST_NORMAL, FEWEST_ANOMALOUS = 2, 4
_FEW_NORMAL = 9
"""Independent normal pictures from which the default false-alarm rate of one in ten can be promised."""


@dataclass(frozen=True)
class Pictures:
    """What training learns from.

    Attributes:
        records: Labelled, readable, no picture twice; normal ones first.
        types: Anomaly types with masks to learn from.
        sizes: Width and height of the normal pictures.
        labelled: Whether anomalous pictures are learned from.
        unusable: One sentence for each picture that could not be used.
        unusable_masks: One for each mask that could not be used, though its picture is.
        notes: Sentences for the user: what else was noticed or left out, and why.
        hashes: SHA-256 of the content of each picture that was looked at, by name.
        groups: Name to group for the pictures that are nearly the same as others.
    """

    records: tuple[Record, ...]
    types: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    labelled: bool
    unusable: tuple[str, ...]
    notes: tuple[str, ...]
    unusable_masks: tuple[str, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def normal(self) -> tuple[Record, ...]:
        """The normal ones."""
        return tuple(record for record in self.records if record.label == "normal")

    @property
    def anomalous(self) -> tuple[Record, ...]:
        """The anomalous ones."""
        return tuple(record for record in self.records if record.label == "anomaly")


def choose_pictures(dataset: Dataset, normal_only: bool, exif: bool, progress: Callable[[int, int], None]) -> Pictures:
    """Check the dataset's training part and decide what it allows.

    Raises:
        TrainingError: too few normal pictures; the message counts what there is and what is needed.
    """
    part = dataset.split("train") if dataset.has_splits else dataset
    assumed = normal_only and not len(part.labelled()) and len(part) > 0
    if assumed:
        part = replace(part, records=tuple(replace(record, label="normal") for record in part))
    result = check(part.labelled(), progress, exif=exif)
    problems = (*dataset.problems, *result.unreadable, *result.bad_masks)
    unusable = tuple(str(problem) for problem in problems if not problem.kept)
    unusable_masks = tuple(str(problem) for problem in problems if problem.kept)
    notes = [str(problem) for problem in result.problems if str(problem) not in (*unusable, *unusable_masks)]
    records = _without_repeats(result.dataset.records, result.duplicates, result.conflicts)
    normal = [record for record in records if record.label == "normal"]
    anomalous = [record for record in records if record.label == "anomaly"]
    if len(normal) < FEWEST_NORMAL:
        raise TrainingError(_too_few(dataset, part, len(normal), len(anomalous), len(result.unreadable)))
    subject = _counted(len(anomalous), "anomalous picture")
    if normal_only and anomalous:
        notes.append(f"{subject} left out: trained from normal pictures alone")
        anomalous = []
    elif anomalous and len(anomalous) < FEWEST_ANOMALOUS:
        notes.append(f"{subject} too few to learn from ({FEWEST_ANOMALOUS} needed): trained from normal pictures alone")
        anomalous = []
    groups = {name: group[0] for group in result.near_duplicates for name in group}
    notes += _about_normals([groups.get(record.name, record.name) for record in normal], bool(anomalous))
    if assumed:
        notes.append(f"none of the {len(normal)} pictures has a label: all are taken as normal")
    notes += _unlabelled([record.name for record in part if record.label is None])
    notes += odd_shapes({record.name: result.sizes[record.name] for record in (*normal, *anomalous)})
    return Pictures(
        records=(*normal, *anomalous),
        types=_learnable_types(anomalous, exif),
        sizes=tuple(result.sizes[record.name] for record in normal),
        labelled=bool(anomalous),
        unusable=unusable,
        notes=tuple(notes),
        unusable_masks=unusable_masks,
        hashes=result.hashes,
        groups=groups,
    )


def limited(pictures: Pictures, most: int, order: Callable[[int], list[int]]) -> Pictures:
    """At most ``most`` pictures, so that their features fit into memory; anomalous ones are kept first.

    ``order`` gives a random order of that many indices.
    """
    if len(pictures.records) <= most:
        return pictures
    anomalous = pictures.anomalous
    if len(anomalous) > most // 2:
        anomalous = tuple(anomalous[i] for i in sorted(order(len(anomalous))[: most // 2]))
    normal = pictures.normal
    room = most - len(anomalous)
    if len(normal) > room:
        normal = tuple(normal[i] for i in sorted(order(len(normal))[:room]))
    note = (
        f"{len(normal) + len(anomalous)} of {len(pictures.records)} pictures are used: more would not fit into memory"
    )
    return replace(pictures, records=(*normal, *anomalous), notes=(*pictures.notes, note))


def _unlabelled(names: list[str]) -> list[str]:
    """A sentence about pictures without a label, if there are any."""
    if not names:
        return []
    shown = ", ".join(f"'{name}'" for name in names[:3]) + (" ..." if len(names) > 3 else "")
    return [f"{_counted(len(names), 'picture')} not labelled normal or anomaly and not learned from: {shown}"]


def _counted(count: int, noun: str) -> str:
    """``1 picture is`` or ``2 pictures are``."""
    return f"1 {noun} is" if count == 1 else f"{count} {noun}s are"


def _about_normals(groups: list[str], labelled: bool) -> list[str]:
    """Sentences about too few independent normal pictures; ``groups`` holds that of each."""
    count, notes = len(set(groups)), []
    if count < len(groups):
        notes.append(
            f"{len(groups)} normal pictures, of which {count} are independent: those that are nearly the same count as "
            "one for the threshold and in cross-validation"
        )
    if count < _FEW_NORMAL and not labelled:
        notes.append(
            f"{_counted(count, 'independent normal picture')} few: the threshold is set so high that faint anomalies "
            f"pass; {_FEW_NORMAL} or more, or {FEWEST_ANOMALOUS} anomalous ones, make it sharper"
        )
    return notes


def _without_repeats(
    records: tuple[Record, ...],
    duplicates: tuple[tuple[str, ...], ...],
    conflicts: tuple[tuple[str, ...], ...],
) -> list[Record]:
    """One of each group of identical pictures; none of a group that carries both labels."""
    dropped = {name for group in duplicates for name in group[1:]} | {name for group in conflicts for name in group}
    return [record for record in records if record.name not in dropped]


def _learnable_types(anomalous: list[Record], exif: bool) -> tuple[str, ...]:
    """Types that the masks show, sorted; one picture is enough, though cross-validation cannot judge such a type."""
    found: set[str] = set()
    for record in anomalous:
        if record.mask is not None:
            picture = record.image(exif=exif)
            mask = record.load_mask(picture.shape[1], picture.shape[0])
            if mask is not None:
                found.update(kind for i, kind in enumerate(mask.types, 1) if (mask.index == i).any())
    return tuple(sorted(found))


def _too_few(dataset: Dataset, part: Dataset, normal: int, anomalous: int, unreadable: int) -> str:
    pictures = "1 picture" if len(part) == 1 else f"{len(part)} pictures"
    where = f"{dataset.name}: {pictures}" + (" in its training part" if dataset.has_splits else "")
    also = f", {unreadable} could not be read" if unreadable else ""
    lost = [problem for problem in dataset.problems if not problem.kept]
    also += f", and of its files {len(lost)} were left out (the first: {lost[0]})" if lost else ""
    return (
        f"{where}, of which {normal} are usable and labelled normal and {anomalous} anomalous{also}; training needs "
        f"at least {FEWEST_NORMAL} normal ones (20 are a good start). Put them into a folder named 'normal', or label "
        "them in a manifest or CSV file"
    )
