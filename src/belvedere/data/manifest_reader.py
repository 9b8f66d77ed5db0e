"""Manifests of Lookout for Vision and SageMaker Ground Truth (JSON Lines)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from belvedere.core.errors import DatasetError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.findings import Findings, first_of
from belvedere.data.manifest_line import Line, MaskReference, parse_line
from belvedere.data.manifest_objects import Objects, means_anomaly, parse_objects
from belvedere.data.masks import ColorMask
from belvedere.data.reading import read_file
from belvedere.data.record import Record
from belvedere.data.references import Resolver, canonical, resolver_for

_BOM = b"\xef\xbb\xbf"


def read_manifest(
    path: Path,
    *,
    maps: Sequence[tuple[str, Path]] = (),
    strict: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Dataset:
    """Read a manifest of classes (one or several a picture), boxes or masks.

    Blank lines are skipped. Of lines with the same ``source-ref`` the last one counts. A line that is wrong,
    or whose picture is not found, becomes a problem ``file:line`` and the others are read. Where only the
    mask is not found, the picture is kept without it and the problem says so.

    Args:
        path: The manifest.
        maps: Where ``s3://`` prefixes lie on this machine; see :class:`belvedere.data.references.Resolver`.
        strict: Raise at the first wrong line instead.
        limits: Bounds on the file and its lines.

    Returns:
        The pictures in the order of the lines. A picture's ``kind`` is set where it is anomalous and its mask
        declares exactly one label. Where any class is neither normal nor anomaly, every picture has its class as
        ``category``, or all of them as ``categories``.

    Raises:
        DatasetError: the manifest cannot be read, holds no usable line, or ``strict`` and a line is wrong.
        LimitError: the manifest is over a limit.
    """
    path = Path(path)
    data = read_file(path, limits.manifest_bytes, str(path))
    return parse_manifest(data, path.name, resolver_for(path, maps), strict=strict, limits=limits)


def parse_manifest(
    data: bytes, name: str, resolver: Resolver, *, strict: bool = False, limits: Limits = DEFAULT_LIMITS
) -> Dataset:
    """Read a manifest from its bytes; see :func:`read_manifest`.

    Args:
        data: The manifest, UTF-8.
        name: What messages and the dataset are called.
        resolver: Finds pictures and masks.
        strict: Raise at the first wrong line.
        limits: Bounds on the lines.
    """
    state = _State(name, strict)
    lines: dict[str, tuple[int, Line]] = {}
    for number, raw in _numbered_lines(data):
        try:
            line = parse_line(_text(raw, limits))
        except DatasetError as error:
            state.problem(number, str(error))
            continue
        lines[canonical(line.source)] = (number, line)
    read = list(_records(lines, resolver, state))
    records, classes = _with_classes(read)
    if not records:
        first = first_of(state.problems, name)
        raise DatasetError(f"{name}: no usable line{first or ', the manifest is empty'}")
    stem = Path(name).stem
    return Dataset(records, stem, tuple(state.colors), state.colors, state.problems, classes, form="manifest")


@dataclass
class _State:
    """What reading has gathered beside the records."""

    name: str
    strict: bool
    found: list[tuple[int, Problem]] = field(default_factory=list)
    colors: dict[str, str] = field(default_factory=dict)

    def problem(self, number: int, reason: str, *, kept: bool = False) -> None:
        problem = Problem(f"{self.name}:{number}", reason, kept)
        if self.strict:
            raise DatasetError(str(problem))
        self.found.append((number, problem))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was found, in the order of the lines."""
        return tuple(problem for _, problem in sorted(self.found, key=lambda pair: pair[0]))


def _numbered_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, raw in enumerate(data.removeprefix(_BOM).split(b"\n"), 1):
        if raw.strip():
            yield number, raw


def _text(raw: bytes, limits: Limits) -> str:
    most = limits.manifest_line
    if len(raw) > 4 * most + 2:  # more bytes than that many characters and a line end can have
        raise DatasetError(f"the line has {len(raw)} bytes, more than {most} characters can take")
    try:
        text = raw.decode().rstrip("\r")
    except UnicodeDecodeError as error:
        raise DatasetError(f"not UTF-8 (byte {error.start})") from error
    if len(text) > most:
        raise DatasetError(f"the line has {len(text)} characters, more than {most}")
    return text


def _with_classes(read: Sequence[tuple[Record, Objects]]) -> tuple[tuple[Record, ...], tuple[str, ...]]:
    """The records with classes and boxes; and the names of all classes."""
    used = [objects.classes for _, objects in read]
    multilabel = any(objects.multilabel for _, objects in read)
    of_pictures = multilabel or not all(map(means_anomaly, used))
    records = []
    for record, objects in read:
        if objects.instances is not None:
            record = replace(record, instances=objects.instances, declared_size=objects.size)
        if of_pictures and (objects.classes or objects.multilabel):
            category = objects.classes[0] if len(objects.classes) == 1 else None
            record = replace(record, category=category, categories=objects.classes if multilabel else None)
        records.append(record)
    declared = dict.fromkeys(name for _, objects in read for name in objects.names)
    others = {name for names in used for name in names} if of_pictures else set()
    return tuple(records), (*declared, *sorted(others.difference(declared)))


def _records(lines: dict[str, tuple[int, Line]], resolver: Resolver, state: _State) -> Iterator[tuple[Record, Objects]]:
    taken: dict[Path, int] = {}
    for name, (number, line) in sorted(lines.items(), key=lambda item: item[1][0]):
        try:
            path = resolver.resolve(line.source)
        except DatasetError as error:
            state.problem(number, f"'{line.source}': {error}")
            continue
        if path in taken:
            reason = f"leads to {path.name}, as line {taken[path]} does; map the prefixes to tell them apart"
            state.problem(number, f"'{line.source}' {reason}")
            continue
        taken[path] = number
        if line.mask_problem is not None:
            state.problem(number, line.mask_problem, kept=True)
        mask = None if line.mask is None else _mask(line.mask, number, resolver, state)
        kinds = {label for label, _ in line.mask.labels} if line.mask is not None else set()
        kind = min(kinds) if line.label == "anomaly" and len(kinds) == 1 else None
        found = Findings(state.strict)
        objects = parse_objects(line.fields, f"{state.name}:{number}", found)
        state.found.extend((number, problem) for problem in found.problems)
        origin = f"{state.name}:{number}"
        yield Record(name, path, line.label, kind, None, mask, line.fields, origin=origin), objects


def _mask(mask: MaskReference, number: int, resolver: Resolver, state: _State) -> ColorMask | None:
    for label, color in mask.labels:
        state.colors.setdefault(label, color)
    try:
        path = resolver.resolve(mask.reference)
    except DatasetError as error:
        reason = f"mask '{mask.reference}': {error}; the picture is used without its mask"
        state.problem(number, reason, kept=True)
        return None
    return ColorMask(path, mask.labels, mask.background)
