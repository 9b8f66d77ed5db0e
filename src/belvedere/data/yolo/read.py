"""Reading YOLO datasets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from belvedere.core.errors import DatasetError, ImageError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.annotations import Polygons
from belvedere.data.dataset import Dataset
from belvedere.data.findings import Findings, first_of
from belvedere.data.parts import with_parts, word_in
from belvedere.data.reading import is_file, read_file
from belvedere.data.record import Record
from belvedere.data.references import Resolver
from belvedere.data.scan import list_files, list_pictures
from belvedere.data.statistics import size_of
from belvedere.data.yolo.config import Config, label_path, parse_config
from belvedere.data.yolo.labels import parse_labels

CONFIG_SUFFIXES = frozenset({".yaml", ".yml"})
CLASS_LISTS = ("classes.txt", "labels/classes.txt", "obj.names", "data/obj.names")
"""Where class names are looked for, one a line, in a dataset without a ``data.yaml``."""


def read_yolo(
    source: Path,
    *,
    maps: Sequence[tuple[str, Path]] = (),
    strict: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Dataset:
    """Read a YOLO dataset for detection, segmentation or pose.

    A picture without a label file is one with nothing on it, as the form means it. The heads of all pictures are read,
    because labels are shares of their size. Nothing outside of the folder of ``data.yaml`` (or a map of its ``path``)
    is read.

    Args:
        source: A ``data.yaml``, or a folder with one, or with ``images/`` and ``labels/``.
        maps: Where a ``path`` of the file lies on this machine.
        strict: Raise at the first problem.
        limits: Bounds on each file.

    Raises:
        DatasetError: no such dataset, a ``data.yaml`` that cannot be read, or no picture that can be used.
        LimitError: over a limit.
    """
    source = Path(source)
    found = Findings(strict)
    file = source if source.is_file() else _config_file(source)
    root = (source if source.is_dir() else source.parent).absolute()
    if file is not None:
        config = parse_config(_text(file, limits, file.name), file.name)
        root = _root(file, config, maps)
        pictures = _by_parts(root, config, file.name, found, limits)
    else:
        config = _without_file(root, found, limits)
        listing = list_pictures(root)
        found.problems.extend(listing.problems)
        pictures = {name: word_in(PurePosixPath(name).parts[:-1]) for name in listing.pictures}
    labels = set(list_files(root, frozenset({".txt"})))
    records = []
    for name in pictures:
        where = str(label_path(PurePosixPath(name)))
        record = _record(Record(name, root / name), where if where in labels else None, root, config, found, limits)
        if record is not None:
            records.append(record)
        labels.discard(where)
    for name in sorted(labels):
        if "labels" in PurePosixPath(name).parts[:-1] and PurePosixPath(name).name != "classes.txt":
            found.add(name, "there is no picture for these labels; left out")
    if not records:
        told = first_of(found.problems, str(source))
        raise DatasetError(f"{source}: a YOLO dataset without a usable picture{told}")
    parted = with_parts(records, {name: word for name, word in pictures.items() if word})
    shapes = any(isinstance(one.shape, Polygons) for record in parted for one in record.instances or ())
    form = "yolo-pose" if config.keypoints is not None else "yolo-segment" if shapes else "yolo"
    name = root.resolve().name
    return Dataset(parted, name, (), {}, tuple(found.problems), config.names, config.keypoints, form)


def _config_file(folder: Path) -> Path | None:
    """The one YAML file of a folder that holds ``names``; ``data.yaml`` before others."""
    files = sorted(path for path in folder.iterdir() if path.suffix.casefold() in CONFIG_SUFFIXES and is_file(path))
    files.sort(key=lambda path: path.stem.casefold() not in {"data", "dataset"})
    return files[0] if files else None


def _root(file: Path, config: Config, maps: Sequence[tuple[str, Path]]) -> Path:
    """The folder that the parts are relative to: a mapped ``path``, one below the file, else the file's own."""
    own = file.absolute().parent
    for prefix, folder in maps:
        if config.root and config.root.rstrip("/").startswith(prefix.rstrip("/")):
            rest = config.root.rstrip("/")[len(prefix.rstrip("/")) :].lstrip("/")
            return Path(folder) / rest
    inner = PurePosixPath(config.root)
    if not inner.is_absolute() and ".." not in inner.parts and (own / inner).is_dir():
        return own / inner
    return own


def _by_parts(root: Path, config: Config, name: str, found: Findings, limits: Limits) -> dict[str, str]:
    """The pictures by their path below ``root``, with the word for their part."""
    if not config.parts:
        raise DatasetError(f"{name}: says neither 'train' nor 'val', so there are no pictures")
    pictures: dict[str, list[str]] = {}
    for part, places in config.parts.items():
        for place in places:
            for picture in _pictures_at(root, place, f"{name}: '{part}'", found, limits):
                pictures.setdefault(picture, []).append(part)
    # Where everything is called both train and val, that is because trainers want both words: the folders tell more.
    if all(len(set(parts)) > 1 for parts in pictures.values()):
        return {picture: word_in(PurePosixPath(picture).parts[:-1]) for picture in pictures}
    for picture, parts in pictures.items():
        if len(set(parts)) > 1:
            found.add(picture, f"is in {' and '.join(dict.fromkeys(parts))}; it counts as {parts[0]}")
    return {picture: parts[0] for picture, parts in pictures.items()}


def _pictures_at(root: Path, place: str, where: str, found: Findings, limits: Limits) -> list[str]:
    """The pictures in a folder, or those that a text file lists."""
    inside = _inside(root, place)
    if inside is None:
        found.add(where, f"'{place}' is not a folder or list below {root.name or root}; copy the dataset, or use a map")
        return []
    if is_file(root / inside):
        return _listed(root, inside, found, limits)
    listing = list_pictures(root / inside)
    prefix = "" if str(inside) == "." else f"{inside}/"
    found.problems.extend(type(one)(prefix + one.where, one.reason) for one in listing.problems)
    return [prefix + picture for picture in listing.pictures]


def _inside(root: Path, place: str) -> PurePosixPath | None:
    """A place of ``data.yaml`` below ``root``: as it stands, without the ``../`` that exports put before it, or the
    end of it that is there."""
    parts = [part for part in place.replace("\\", "/").split("/") if part not in ("", ".")]
    while parts and parts[0] == "..":
        parts = parts[1:]
    if ".." in parts:
        return None
    for start in range(len(parts)):
        inner = PurePosixPath(*parts[start:])
        if (root / inner).is_dir() or is_file(root / inner):
            return inner
    return None if parts else PurePosixPath()


def _listed(root: Path, file: PurePosixPath, found: Findings, limits: Limits) -> list[str]:
    resolver = Resolver((root, (root / file).parent), beside=str(file))
    pictures = []
    for number, line in enumerate(_text(root / file, limits, str(file)).splitlines(), 1):
        if not line.strip():
            continue
        place = line.strip().replace("\\", "/")
        inside = _inside(root, place) if place.startswith(("/", "../")) else None
        try:
            path = resolver.resolve(str(inside) if inside is not None else place.removeprefix("./"))
            pictures.append(path.relative_to(root).as_posix())
        except (DatasetError, ValueError) as error:
            found.add(f"{file}:{number}", f"'{place[:80]}': {error}")
    return pictures


def _without_file(root: Path, found: Findings, limits: Limits) -> Config:
    """The settings of a dataset that has only ``images`` and ``labels``."""
    for name in CLASS_LISTS:
        if is_file(root / name):
            names = [line.strip() for line in _text(root / name, limits, name).splitlines() if line.strip()]
            if names and len(set(names)) == len(names):
                return Config("", {}, tuple(names), None, 3)
            found.add(name, "is empty or names a class twice; ignored")
    numbers = _class_numbers(root, limits)
    found.add(root.name, "there is no data.yaml or classes.txt; the classes are called by their numbers")
    return Config("", {}, tuple(f"class {number}" for number in range(max(numbers, default=0) + 1)), None, 3)


def _class_numbers(root: Path, limits: Limits) -> set[int]:
    numbers: set[int] = set()
    for name in list_files(root, frozenset({".txt"})):
        if "labels" not in PurePosixPath(name).parts[:-1]:
            continue
        heads = (line.split(maxsplit=1)[0] for line in _text(root / name, limits, name).splitlines() if line.strip())
        numbers.update(int(head) for head in heads if head.isdecimal() and len(head) < 5)
    return numbers


def _record(
    record: Record, labels: str | None, root: Path, config: Config, found: Findings, limits: Limits
) -> Record | None:
    try:
        size = size_of(record, limits)
    except (ImageError, LimitError) as error:
        found.add_error(record.name, error, "without its size its labels mean nothing, so it is left out")
        return None
    if labels is None:
        return Record(record.name, record.path, instances=())
    try:
        text = _text(root / labels, limits, labels)
    except DatasetError as error:
        found.add_error(labels, error, "the picture is left out")
        return None
    instances = parse_labels(text, labels, config, size, found)
    return Record(record.name, record.path, instances=instances)


def _text(path: Path, limits: Limits, name: str) -> str:
    try:
        return read_file(path, limits.manifest_bytes, name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{name}: not UTF-8 (byte {error.start})") from error
