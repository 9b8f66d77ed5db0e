"""Writing a dataset as folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from belvedere.core.errors import DatasetError
from belvedere.core.files import write_folder
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data import labels
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.data.scan import is_picture_name
from belvedere.data.statistics import size_of
from belvedere.data.writing import SUFFIXES, LazyFiles, require_new
from belvedere.vision.encode import png_bytes
from belvedere.vision.formats import picture_format


def write_folders(dataset: Dataset, folder: Path, limits: Limits = DEFAULT_LIMITS) -> None:
    """Write pictures and masks so that ``read_folder`` reads them again.

    A dataset with parts becomes the layout of MVTec AD: ``train/good/``, ``test/good/``, ``test/<kind>/`` and
    ``ground_truth/<kind>/<stem>_mask.png``. One without becomes ``normal/`` and ``anomaly/<kind>/``, with the
    masks below ``ground_truth/`` at the same places. Pictures are copied byte for byte. Masks become binary:
    the type of a pixel is the kind of its picture.

    Args:
        dataset: What to write.
        folder: A new or empty folder. It is complete or, after an error, not there.
        limits: Bounds on each picture and mask.

    Raises:
        DatasetError: ``folder`` has content, a kind cannot be a folder name, or a mask cannot be used.
        ImageError: a picture cannot be read, or has neither a known suffix nor a known format.
        StorageError: the file system refused.
    """
    folder = Path(folder)
    require_new(folder)
    if not dataset.records:
        raise DatasetError(f"{dataset.name}: no pictures to write")
    files: dict[str, Callable[[], bytes]] = {}
    taken: set[tuple[str, str]] = set()
    # MVTec AD leaves the part out of the place of a mask; where train has masks too, that would be ambiguous.
    drops_test = not any(record.split != "test" for record in dataset.anomalous)
    for record in dataset.records:
        place = _folder_of(record, dataset.has_splits)
        stem, suffix = _file_name(record, limits)
        stem = _unique(place, stem, taken)
        files[str(PurePosixPath(place, stem + suffix))] = _picture(record, limits)
        if record.mask is not None:
            mask = _mask_png(record, limits)
            if mask is not None:
                mask_place = place.removeprefix("test/") if drops_test else place
                files[str(PurePosixPath("ground_truth", mask_place, f"{stem}_mask.png"))] = mask
    write_folder(folder, LazyFiles(files))


def _picture(record: Record, limits: Limits) -> Callable[[], bytes]:
    return lambda: record.read(limits)


def _mask_png(record: Record, limits: Limits) -> Callable[[], bytes] | None:
    mask = record.load_mask(*size_of(record, limits), limits)
    if mask is None or not (mask.any or record.label == "anomaly"):
        return None
    png = png_bytes(mask.binary)
    return lambda: png


def _folder_of(record: Record, has_splits: bool) -> str:
    part = record.split or ""
    if record.label is None:
        return part
    if record.label == "normal":
        return str(PurePosixPath(part, "good" if has_splits else "normal"))
    if record.kind is None:
        return str(PurePosixPath(part, "anomaly"))
    kind = record.kind
    if kind in {"", ".", ".."} or "/" in kind or "\x00" in kind or kind.startswith(".") or len(kind.encode()) > 200:
        raise DatasetError(f"{record.name}: the kind {kind!r} cannot be the name of a folder; rename it first")
    means_something = labels.label_of(kind) or labels.is_split_word(kind)
    if labels.is_mask_folder(kind):
        raise DatasetError(f"{record.name}: a folder called {kind!r} would be read as masks; rename the kind first")
    alone = has_splits and record.split is not None and not means_something
    return str(PurePosixPath(part, kind) if alone else PurePosixPath(part, "anomaly", kind))


def _file_name(record: Record, limits: Limits) -> tuple[str, str]:
    name = PurePosixPath(record.name).name.lstrip(".") or "picture"
    if is_picture_name(name):
        path = PurePosixPath(name)
        return path.stem, path.suffix
    return name, SUFFIXES[picture_format(record.read(limits), record.name)]


def _unique(place: str, stem: str, taken: set[tuple[str, str]]) -> str:
    """A stem that no other picture of the folder has, whatever its suffix and case: masks go by the stem."""
    number, unique = 1, stem
    while (place, unique.casefold()) in taken:
        number += 1
        unique = f"{stem}-{number}"
    taken.add((place, unique.casefold()))
    return unique
