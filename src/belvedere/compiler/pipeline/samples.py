"""Reading what the user hands over as samples: pictures, folders of them, arrays, ``.npz`` files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import CompileError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.runtime.inputs import ImageInput
from belvedere.runtime.manifest import Manifest
from belvedere.vision.decode import IMAGE_SUFFIXES, ImageSource, load_image

_Entry = TypeVar("_Entry")
Samples = str | os.PathLike[str] | Iterable[Any]
"""A folder or file, or an iterable of pictures or of tensors by input name."""

_ARRAYS = (".npz", ".npy")
_DATASETS = (".csv", ".manifest", ".jsonl", ".json")
_DRAWN = ".annotated.png"  # what predict --draw writes
_MOST_MEMORY = 4 * 1024**3


@dataclass(frozen=True, eq=False)
class GivenSample:
    """One sample: the tensors that the finished network takes, and the picture that they come from.

    Attributes:
        name: For messages and reports.
        tensors: Input name to tensor.
        image: RGB uint8 (H, W, 3); None where the user gave tensors.
        truth: What the user says about it; None where it is not labelled.
    """

    name: str
    tensors: Mapping[str, NDArray[Any]]
    image: NDArray[np.uint8] | None = None
    truth: Any = None


@dataclass(frozen=True, eq=False)
class Found:
    """What the user handed over as samples, before any of it is read.

    Attributes:
        entries: Pictures, paths or tensors.
        folders: How many folders they lie in; 0 where they were not searched for.
        left_out: Names of folders of masks that were passed by.
    """

    entries: tuple[Any, ...]
    folders: int = 0
    left_out: tuple[str, ...] = ()

    def sentence(self, most: int) -> str:
        """How many are read, and from where."""
        count, total = min(most, len(self.entries)), len(self.entries)
        read = f"{count} of {total} samples read" if count < total else f"{_counted(total, 'sample')} read"
        place = f" from {_counted(self.folders, 'folder')}" if self.folders else ""
        masks = f"; folders of masks passed by: {', '.join(self.left_out)}" if self.left_out else ""
        return f"{read}{place}{masks}"


def find_samples(given: Samples) -> Found:
    """Find what the user handed over; see ``read_samples``.

    Raises:
        CompileError: there is nothing.
    """
    found = _found(given)
    if not found.entries:
        masks = f" (folders of masks are passed by: {', '.join(found.left_out)})" if found.left_out else ""
        raise CompileError(f"samples: no pictures and no .npy or .npz files in {given!s}{masks}")
    return found


def spread(entries: Sequence[_Entry], most: int) -> list[_Entry]:
    """At most so many of the entries, evenly over all of them, in their order."""
    if len(entries) <= most:
        return list(entries)
    return [entries[int(place)] for place in np.linspace(0, len(entries) - 1, most)]


def read_samples(
    given: Samples | Found, manifest: Manifest, most: int, limits: Limits = DEFAULT_LIMITS
) -> list[GivenSample]:
    """Read samples and prepare them as the finished network takes them.

    Args:
        given: A picture, a folder (searched below, folders of masks and drawn pictures left out), a dataset's
            manifest or CSV file, a ``.npy`` or ``.npz`` file; an iterable of pictures, or of tensors by input name;
            or what ``find_samples`` found of these.
        manifest: Of the finished network.
        most: Read no more than these, spread evenly over a folder.
        limits: Bounds on pictures.

    Raises:
        CompileError: there are none, or how a picture becomes the network's input is not known.
        ImageError: a picture cannot be read.
        LimitError: a picture over a limit, or more memory than samples may take.
    """
    found = given if isinstance(given, Found) else find_samples(given)
    entries = spread(found.entries, most)
    samples: list[GivenSample] = []
    used = 0
    for number, entry in enumerate(entries):
        sample = _sample(entry, number, manifest, limits)
        used += sum(tensor.nbytes for tensor in sample.tensors.values())
        if used > _MOST_MEMORY:
            raise LimitError(f"samples: {len(entries)} of them take more than {_MOST_MEMORY} bytes; name fewer")
        samples.append(sample)
    return samples


def read_labelled(given: Any, manifest: Manifest, most: int, limits: Limits = DEFAULT_LIMITS) -> list[GivenSample]:
    """Read labelled samples: pairs of picture and truth, or a folder with one subfolder of pictures a class.

    Raises:
        CompileError: no pairs, or no such folder.
        ImageError: a picture cannot be read.
        LimitError: see ``read_samples``.
    """
    pairs = _pairs_of_folder(Path(given)) if isinstance(given, (str, os.PathLike)) else list(given)
    if not pairs or any(not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2 for pair in pairs):
        raise CompileError(
            "labelled samples: expected pairs of picture and truth, or a folder with a subfolder a class"
        )
    pairs = spread(pairs, most)
    found = []
    for number, (picture, truth) in enumerate(pairs):
        sample = _sample(picture, number, manifest, limits)
        found.append(GivenSample(sample.name, sample.tensors, sample.image, truth))
    return found


def prepare(image: NDArray[np.uint8], manifest: Manifest) -> dict[str, NDArray[Any]]:
    """The tensors of one picture, RGB uint8 (H, W, 3).

    Raises:
        CompileError: how a picture becomes the network's input is not known.
    """
    from belvedere.runtime.dispatch import preprocess_of

    if len(manifest.inputs) != 1 or not isinstance(manifest.inputs[0], ImageInput):
        taken = ", ".join(f"{part.name} {part.dtype} {list(part.shape)}" for part in manifest.inputs)
        raise CompileError(
            f"how a picture becomes the network's input ({taken}) is not known: say --task, or --mean and --std, or "
            "give tensors as .npz files"
        )
    tensor = preprocess_of(manifest).apply(image)
    size = manifest.batch
    return {manifest.inputs[0].name: tensor if size == 1 else np.repeat(tensor, size, axis=0)}


def _found(given: Samples) -> Found:
    if isinstance(given, (bytes, bytearray)):
        return Found((given,))
    if not isinstance(given, (str, os.PathLike)):
        one = isinstance(given, np.ndarray) and given.dtype == np.uint8 and given.ndim == 3
        return Found((given,) if one else tuple(given))
    path = Path(given)
    if not path.exists():
        raise CompileError(f"samples: {path}: there is no such file or folder")
    if path.is_dir():
        files, left_out = _walk(path)
        return Found(tuple(files), len({file.parent for file in files}), tuple(left_out))
    if path.suffix.lower() in _DATASETS:
        from belvedere.data import open_dataset

        return Found(tuple(record.path for record in open_dataset(path).records))
    return Found((path,))


def _walk(folder: Path) -> tuple[list[Path], list[str]]:
    """Pictures and arrays below a folder, and folders of masks that were passed by."""
    from belvedere.data.labels import is_mask_folder

    found: list[Path] = []
    masks: set[str] = set()
    for parent, folders, files in os.walk(folder):
        masks |= {name for name in folders if is_mask_folder(name)}
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in masks)
        shown = (name for name in files if not name.startswith(".") and not name.endswith(_DRAWN))
        found.extend(Path(parent) / name for name in shown if Path(name).suffix.lower() in (*IMAGE_SUFFIXES, *_ARRAYS))
    return sorted(found), sorted(masks)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _pairs_of_folder(folder: Path) -> list[tuple[Path, str]]:
    if not folder.is_dir():
        raise CompileError(f"labelled samples: {folder}: there is no such folder")
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    return [(path, entry.name) for entry in classes for path in _walk(entry)[0]]


def _sample(entry: Any, number: int, manifest: Manifest, limits: Limits) -> GivenSample:
    if isinstance(entry, Mapping):
        return GivenSample(f"sample {number}", {str(k): np.asarray(v) for k, v in entry.items()})
    if isinstance(entry, (str, os.PathLike)) and Path(entry).suffix.lower() in _ARRAYS:
        return GivenSample(Path(entry).name, _arrays(Path(entry), manifest))
    taken = manifest.inputs[0]
    exif = taken.exif if isinstance(taken, ImageInput) else True
    source: ImageSource = entry
    image = load_image(source, limits=limits, exif=exif)
    name = Path(entry).name if isinstance(entry, (str, os.PathLike)) else f"sample {number}"
    return GivenSample(name, prepare(image, manifest), image)


def _arrays(path: Path, manifest: Manifest) -> dict[str, NDArray[Any]]:
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return {manifest.inputs[0].name: content}
        return {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError) as error:
        raise CompileError(f"samples: {path}: not a readable NumPy file ({error})") from error
