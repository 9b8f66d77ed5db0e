"""Reading every picture of a dataset once, to find what would spoil training or evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from belvedere.core.errors import DatasetError, ImageError, LimitError
from belvedere.core.files import sha256_of
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.likeness import Fingerprint, fingerprint, near_duplicates
from belvedere.data.record import Record
from belvedere.data.sizes import size_problem
from belvedere.vision.decode import decode

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CheckResult:
    """What the check of a dataset found.

    Attributes:
        dataset: The readable pictures. A picture whose mask cannot be used is kept without it.
        unreadable: Pictures that cannot be decoded.
        bad_masks: Masks that cannot be used, by the name of their picture.
        stray_masks: Pictures labelled normal whose mask marks anomalous pixels.
        duplicates: Groups of pictures with the same content, by name.
        near_duplicates: Groups of pictures that look the same but differ in content.
        conflicts: The groups of ``duplicates`` that are labelled both normal and anomaly.
        leaks: The groups of ``duplicates`` that are in both train and test.
        hashes: SHA-256 of the content of each readable picture, by name.
        wrong_sizes: Pictures whose annotation declares another size than they have.
        sizes: Width and height of each readable picture, by name.
    """

    dataset: Dataset
    unreadable: tuple[Problem, ...]
    bad_masks: tuple[Problem, ...]
    stray_masks: tuple[Problem, ...]
    duplicates: tuple[tuple[str, ...], ...]
    near_duplicates: tuple[tuple[str, ...], ...]
    conflicts: tuple[tuple[str, ...], ...]
    leaks: tuple[tuple[str, ...], ...]
    hashes: Mapping[str, str]
    wrong_sizes: tuple[Problem, ...] = ()
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that was found, gravest first."""
        return (
            *self.unreadable,
            *self.bad_masks,
            *self.wrong_sizes,
            *_as_problems(self.conflicts, "labelled normal and anomaly, with the same content"),
            *_as_problems(self.leaks, "in train and in test, with the same content; scores on test would be too good"),
            *self.stray_masks,
            *_as_problems(self.duplicates, "the same content"),
            *_as_problems(self.near_duplicates, "nearly the same picture"),
        )


def check(
    dataset: Dataset, progress: Progress | None = None, limits: Limits = DEFAULT_LIMITS, exif: bool = True
) -> CheckResult:
    """Decode every picture and mask once.

    Args:
        dataset: What to check.
        progress: Called with the number of pictures done and their total, after each.
        limits: Bounds on each picture and mask.
        exif: Whether pictures are turned as their EXIF orientation says; masks must fit what results.

    Returns:
        The usable part of the dataset and everything that was found; nothing is raised for single pictures.
    """
    findings = _Findings([], [], [], [], {}, [], set(), [], {})
    for done, record in enumerate(dataset.records, 1):
        _check_record(record, findings, limits, exif)
        if progress is not None:
            progress(done, len(dataset))
    duplicates = _duplicates(findings.hashes)
    records = {record.name: record for record in findings.kept}
    return CheckResult(
        dataset=replace(dataset, records=tuple(findings.kept)),
        unreadable=tuple(findings.unreadable),
        bad_masks=tuple(findings.bad_masks),
        stray_masks=tuple(findings.stray_masks),
        duplicates=duplicates,
        near_duplicates=_near(findings),
        conflicts=tuple(group for group in duplicates if _both(records, group, "label", {"normal", "anomaly"})),
        leaks=tuple(group for group in duplicates if _both(records, group, "split", {"train", "test"})),
        hashes=findings.hashes,
        wrong_sizes=tuple(findings.wrong_sizes),
        sizes=findings.sizes,
    )


@dataclass(frozen=True)
class _Findings:
    kept: list[Record]
    unreadable: list[Problem]
    bad_masks: list[Problem]
    stray_masks: list[Problem]
    hashes: dict[str, str]
    prints: list[tuple[str, Fingerprint]]
    seen: set[str]
    wrong_sizes: list[Problem]
    sizes: dict[str, tuple[int, int]]


def _check_record(record: Record, findings: _Findings, limits: Limits, exif: bool) -> None:
    try:
        data = record.read(limits)
        image = decode(data, name=record.name, limits=limits, exif=exif)
    except (ImageError, LimitError) as error:
        findings.unreadable.append(_problem(record, error))
        return
    digest = sha256_of(data)
    if digest not in findings.seen:
        findings.prints.append((record.name, fingerprint(image)))
    findings.seen.add(digest)
    findings.hashes[record.name] = digest
    findings.sizes[record.name] = (image.shape[1], image.shape[0])
    wrong_size = size_problem(record, findings.sizes[record.name])
    if wrong_size is not None:
        findings.wrong_sizes.append(wrong_size)
    try:
        mask = record.load_mask(image.shape[1], image.shape[0], limits)
    except (DatasetError, LimitError) as error:
        findings.bad_masks.append(replace(_problem(record, error), kept=True))
        record = replace(record, mask=None)
        mask = None
    if mask is not None and mask.any and record.label == "normal":
        findings.stray_masks.append(Problem(record.name, "labelled normal, but its mask marks anomalous pixels"))
    findings.kept.append(record)


def _duplicates(hashes: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    groups: dict[str, list[str]] = {}
    for name, digest in hashes.items():
        groups.setdefault(digest, []).append(name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _near(findings: _Findings) -> tuple[tuple[str, ...], ...]:
    names = [name for name, _ in findings.prints]
    groups = near_duplicates([one for _, one in findings.prints])
    return tuple(tuple(names[position] for position in group) for group in groups)


def _both(records: Mapping[str, Record], group: Sequence[str], attribute: str, values: set[str]) -> bool:
    return values <= {getattr(records[name], attribute) for name in group}


def _as_problems(groups: Sequence[tuple[str, ...]], what: str) -> list[Problem]:
    problems = []
    for first, *others in groups:
        shown = ", ".join(f"'{name}'" for name in others[:5])
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        problems.append(Problem(first, f"{what}: also {shown}{more}"))
    return problems


def _problem(record: Record, error: Exception) -> Problem:
    """What an error says about a picture, named once, and where its manifest or table names it."""
    reason = str(error).removeprefix(f"{record.name}: ")
    return Problem(record.name, reason if record.origin is None else f"{reason} ({record.origin})")
