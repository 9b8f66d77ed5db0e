"""Reading folders with annotations of PASCAL VOC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from belvedere.core.errors import BelvedereError, DatasetError, ImageError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data import labels
from belvedere.data.dataset import Dataset
from belvedere.data.findings import Findings, first_of
from belvedere.data.fitting import Size
from belvedere.data.masks import ColorMask
from belvedere.data.parts import with_parts, word_in
from belvedere.data.reading import read_file
from belvedere.data.record import Record
from belvedere.data.scan import list_files, list_pictures
from belvedere.data.statistics import size_of
from belvedere.data.voc.annotation import Annotation, counts_from_zero, instances_of, parse_annotation
from belvedere.data.voc.colors import LABELMAP, VOID, parse_labelmap, voc_color
from belvedere.data.voc.xml import MOST_BYTES, parse_xml
from belvedere.tasks.label_sets import label_set

CLASS_MASKS, OBJECT_MASKS = "segmentationclass", "segmentationobject"
_BACKGROUND = "background"


def read_voc(root: Path, *, strict: bool = False, limits: Limits = DEFAULT_LIMITS) -> Dataset:
    """Read a folder with VOC annotations: ``Annotations``, ``JPEGImages`` and ``ImageSets``, or XML beside pictures.

    Boxes count pixels from 1, as VOC does; where any box of the folder begins at 0, they are taken as continuous
    coordinates. ``difficult`` objects are kept and shall not count. Masks in ``SegmentationClass`` are taken with the
    colours of ``labelmap.txt``, or VOC's own. Document types and entities in the XML are refused.

    Args:
        root: The folder; one that wraps it, such as ``VOCdevkit``, works too.
        strict: Raise at the first problem.
        limits: Bounds on the annotation files.

    Raises:
        DatasetError: no annotation that can be used.
        LimitError: too many files, or folders nested too deep.
    """
    root = Path(root)
    found = Findings(strict)
    annotations = _annotations(root, found, limits)
    from_zero = counts_from_zero(annotations.values())
    listing = list_pictures(root)
    found.problems.extend(listing.problems)
    pictures = [name for name in listing.pictures if not _is_mask(name)]
    masks = {PurePosixPath(name).stem: name for name in listing.pictures if CLASS_MASKS in name.casefold().split("/")}
    owners = _owners(annotations, pictures, found)
    classes = _classes(root, annotations, found, limits)
    colors = _colors(root, classes, found, limits) if masks else None
    records = []
    for name in pictures:
        record = Record(name, root / name)
        if name in owners:
            file = owners[name]
            record = _annotated(record, annotations[file], file, from_zero, found, limits)
        else:
            found.add(name, "a picture without an annotation; it is used as one that nobody has looked at")
        mask = masks.get(PurePosixPath(name).stem)
        if mask is not None and colors is not None:
            record = _with_mask(record, root / mask, colors)
        records.append(record)
    if not owners:
        raise DatasetError(f"{root}: no VOC annotation with a picture{first_of(found.problems, str(root))}")
    parted = with_parts(records, _parts(root, records, found, limits))
    types = tuple(name for name in classes if name != _BACKGROUND) if any(record.mask for record in parted) else ()
    declared = {name: color for name, color in (colors or {}).items() if name in types}
    return Dataset(parted, root.resolve().name, types, declared, tuple(found.problems), classes, None, "voc")


def _annotations(root: Path, found: Findings, limits: Limits) -> dict[str, Annotation]:
    annotations: dict[str, Annotation] = {}
    for name in list_files(root, frozenset({".xml"})):
        try:
            data = read_file(root / name, min(MOST_BYTES, limits.manifest_bytes), name)
            annotations[name] = parse_annotation(parse_xml(data, name), name, found)
        except (DatasetError, LimitError) as error:
            found.add_error(name, error, "the file is left out")
    return annotations


def _owners(annotations: Mapping[str, Annotation], pictures: Sequence[str], found: Findings) -> dict[str, str]:
    """The annotation file of each picture that has one."""
    by_stem: dict[str, list[str]] = {}
    for name in pictures:
        by_stem.setdefault(PurePosixPath(name).stem, []).append(name)
    owners: dict[str, str] = {}
    for file, annotation in annotations.items():
        stem = PurePosixPath(annotation.file_name.replace("\\", "/")).stem
        candidates = by_stem.get(PurePosixPath(file).stem) or by_stem.get(stem) or []
        if not candidates:
            found.add(file, f"there is no picture '{annotation.file_name or PurePosixPath(file).stem}'; left out")
            continue
        name = max(candidates, key=lambda candidate: _nearness(file, candidate))
        if name in owners:
            found.add(file, f"'{name}' has the annotation {owners[name]} already; left out")
            continue
        owners[name] = file
    return owners


def _nearness(file: str, picture: str) -> tuple[int, int]:
    """How many folders, from the top, an annotation and a picture share; then the less deep picture."""
    first, second = PurePosixPath(file).parts[:-1], PurePosixPath(picture).parts[:-1]
    shared = 0
    while shared < min(len(first), len(second)) and first[shared] == second[shared]:
        shared += 1
    return shared, -len(second)


def _annotated(
    record: Record, annotation: Annotation, file: str, from_zero: bool, found: Findings, limits: Limits
) -> Record:
    size: Size | None = annotation.size
    if size is None:
        try:
            size = size_of(record, limits)
        except (ImageError, LimitError):
            size = None  # reported where the picture is read
    instances = instances_of(annotation, from_zero, size, file, found)
    return Record(record.name, record.path, instances=instances, declared_size=annotation.size)


def _classes(root: Path, annotations: Mapping[str, Annotation], found: Findings, limits: Limits) -> tuple[str, ...]:
    """The classes in the order of ``labelmap.txt``, or of VOC where they are VOC's, else sorted."""
    used = {name for annotation in annotations.values() for _, name, _, _ in annotation.objects}
    listed = tuple(name for name, _ in _labelmap(root, found, limits) if name != _BACKGROUND)
    if listed:
        return (*listed, *sorted(used.difference(listed)))
    voc = label_set("voc20")
    return voc if used and used <= set(voc) else tuple(sorted(used))


def _labelmap(root: Path, found: Findings, limits: Limits) -> list[tuple[str, str]]:
    for path in (root / LABELMAP, *sorted(root.glob(f"*/{LABELMAP}")), *sorted(root.glob(f"*/*/{LABELMAP}"))):
        if not path.is_file():
            continue
        name = path.relative_to(root).as_posix()
        try:
            text = read_file(path, min(MOST_BYTES, limits.manifest_bytes), name).decode()
            return parse_labelmap(text, name)
        except UnicodeDecodeError as error:
            found.add(name, f"not UTF-8 (byte {error.start}); ignored")
        except BelvedereError as error:
            found.add_error(name, error, "the list is ignored")
    return []


def _colors(root: Path, classes: Sequence[str], found: Findings, limits: Limits) -> dict[str, str] | None:
    """The mask colour of each class; None where nobody says them."""
    listed = dict(_labelmap(root, found, limits))
    if listed:
        return listed
    if tuple(classes) == label_set("voc20"):
        return {name: voc_color(index) for index, name in enumerate(label_set("voc21"))}
    found.add("SegmentationClass", f"there is no {LABELMAP} that says the colours of the classes; masks are left out")
    return None


def _with_mask(record: Record, path: Path, colors: Mapping[str, str]) -> Record:
    named = tuple((name, color) for name, color in colors.items() if name != _BACKGROUND)
    background = tuple(color for name, color in colors.items() if name == _BACKGROUND)
    mask = ColorMask(path, named, background, (VOID,) if VOID not in colors.values() else ())
    return Record(record.name, record.path, mask=mask, instances=record.instances, declared_size=record.declared_size)


@dataclass(frozen=True)
class _Listed:
    """A line of an image set."""

    where: str
    part: str


def _parts(root: Path, records: Sequence[Record], found: Findings, limits: Limits) -> dict[str, str]:
    """The word for the part of each picture: by ``ImageSets/Main``, else by the folders above it."""
    listed: dict[str, _Listed] = {}
    for path in sorted((*root.glob("ImageSets/Main/*.txt"), *root.glob("*/ImageSets/Main/*.txt"))) or sorted(
        (*root.glob("*/*/ImageSets/Main/*.txt"), *root.glob("ImageSets/Segmentation/*.txt"))
    ):
        # 'trainval' says less than 'train' and 'val'; '<class>_train' says what the annotations say.
        word = "train" if path.stem == "trainval" else path.stem
        if not labels.is_split_word(word):
            continue
        name = path.relative_to(root).as_posix()
        data = read_file(path, limits.manifest_bytes, name)
        for number, line in enumerate(data.decode(errors="replace").splitlines(), 1):
            key = line.split()[0] if line.split() else ""
            if key and (key not in listed or path.stem != "trainval"):
                listed[key] = _Listed(f"{name}:{number}", word)
    words = {record.name: word_in(PurePosixPath(record.name).parts[:-1]) for record in records}
    if listed:
        by_key = {str(PurePosixPath(record.name).stem): record.name for record in records}
        by_key.update({str(PurePosixPath(record.name).with_suffix("")): record.name for record in records})
        words = {}
        for key, entry in listed.items():
            if key in by_key or PurePosixPath(key).name in by_key:
                words[by_key.get(key) or by_key[PurePosixPath(key).name]] = entry.part
            else:
                found.add(entry.where, f"there is no picture '{key[:80]}'")
    return {name: word for name, word in words.items() if word}


def _is_mask(name: str) -> bool:
    return not {CLASS_MASKS, OBJECT_MASKS}.isdisjoint(name.casefold().split("/"))
