"""Writes a folder of sample pictures with ground truth, laid out as the data room reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from belvedere.core.errors import DatasetError, OptionError
from belvedere.core.files import write_folder
from belvedere.samples.board import Board
from belvedere.samples.defects import DEFECTS
from belvedere.samples.draw import draw_board
from belvedere.vision.encode import jpeg_bytes, png_bytes

_TITLE = "Belvedere sample pictures: circuit boards that do not exist"
_OURS = re.compile(r"README\.txt|(train|test)/(normal|anomaly/\w+)/board_\d+\.jpg|ground_truth/\w+/board_\d+_mask\.png")
_QUALITY = 95


@dataclass(frozen=True)
class _Picture:
    """One picture to draw: its seed, its defect, its path without suffix and the path of its mask."""

    seed: int
    defect: str | None
    path: str
    mask: str | None


def write_boards(
    folder: Path,
    *,
    train: tuple[int, int] = (20, 10),
    test: tuple[int, int] = (12, 12),
    size: tuple[int, int] = (480, 360),
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Draw a labelled set of circuit boards into ``folder``.

    The layout is ``train`` and ``test``, each with ``normal`` and ``anomaly/<kind>``, and the masks of both
    under ``ground_truth/<kind>/<stem>_mask.png`` (0 and 255). Kinds are spread evenly. The folder appears
    as a whole or not at all. A folder that this function wrote earlier is replaced.

    Args:
        folder: Where to; it may not exist yet, or be empty.
        train: How many normal and how many anomalous pictures to train on.
        test: How many normal and how many anomalous pictures to test on.
        size: Width and height of the pictures in pixels.
        seed: Another seed gives other pictures of the same product; 0..999999.
        progress: Called after each picture with how many are done and how many there will be.

    Returns:
        The folder.

    Raises:
        DatasetError: the folder holds something else than sample pictures.
        OptionError: a negative count, a seed or a size out of range.
        StorageError: the file system refused; what was there before is unchanged.
    """
    folder = Path(folder)
    if min(*train, *test) < 0 or not 0 <= seed < 10**6:
        raise OptionError(f"train={train}, test={test}, seed={seed}: expected counts from 0 and a seed of 0..999999")
    _refuse_foreign(folder)
    pictures = [*_plan("train", train, seed, 0), *_plan("test", test, seed, sum(train))]
    board = Board()
    files = {"README.txt": _readme(pictures, size, seed).encode()}
    for done, picture in enumerate(pictures, start=1):
        sample = draw_board(picture.seed, picture.defect, size=size, board=board)
        files[f"{picture.path}.jpg"] = jpeg_bytes(sample.image, quality=_QUALITY)
        if picture.mask:
            files[picture.mask] = png_bytes(sample.mask > 0)
        if progress:
            progress(done, len(pictures))
    write_folder(folder, files)
    return folder


def _plan(split: str, counts: tuple[int, int], seed: int, first: int) -> Iterator[_Picture]:
    normal, anomalous = counts
    for index in range(normal + anomalous):
        number = first + index
        stem = f"board_{number:04d}"
        kind = DEFECTS[(index - normal) % len(DEFECTS)] if index >= normal else None
        place = f"anomaly/{kind}" if kind else "normal"
        mask = f"ground_truth/{kind}/{stem}_mask.png" if kind else None
        yield _Picture(seed * 10**6 + number, kind, f"{split}/{place}/{stem}", mask)


def _refuse_foreign(folder: Path) -> None:
    """Raise unless the folder is missing, empty, or holds only what this module writes."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DatasetError(f"{folder} is a file; name a folder for the sample pictures")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or (not path.is_dir() and not _OURS.fullmatch(name)):
            raise DatasetError(f"{folder} holds {name}, which is no sample picture; name an empty folder or a new one")
    readme = folder / "README.txt"
    if any(folder.iterdir()) and not (readme.is_file() and readme.read_text("utf-8").startswith(_TITLE)):
        raise DatasetError(f"{folder} is not empty and was not written by Belvedere; name an empty folder")


def _readme(pictures: list[_Picture], size: tuple[int, int], seed: int) -> str:
    kinds = "\n".join(
        f"  {kind:<14} {sum(picture.defect == kind for picture in pictures)} pictures" for kind in DEFECTS
    )
    normal = sum(picture.defect is None for picture in pictures)
    return f"""{_TITLE}

Every picture here was drawn by a program (belvedere.samples). No photograph was used. They show one product,
a populated circuit board on a conveyor. Light, exposure, position, batch colours, lot codes and dust differ
harmlessly from piece to piece; only what the masks mark is a defect.

  normal         {normal} pictures
{kinds}

train/normal, train/anomaly/<kind>   pictures to train on
test/normal, test/anomaly/<kind>     pictures to judge the model by
ground_truth/<kind>/<stem>_mask.png  255 where the defect is, 0 elsewhere

{size[0]} x {size[1]} pixels, seed {seed}. The same seed and versions draw the same pictures again.
"""
