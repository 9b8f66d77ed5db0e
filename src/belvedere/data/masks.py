"""Masks: which pixels of a picture show which type of anomaly.

Two kinds of source are read. A *colour mask* is what Lookout for Vision and Ground Truth write: a PNG whose
pixels have the declared colour of their label. A *binary mask* is what MVTec AD and most research sets hold:
bright pixels are anomalous.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.core.errors import DatasetError, ImageError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.reading import read_file
from belvedere.vision.decode import image_size
from belvedere.vision.quiet import pillow_quiet

COLOR_TOLERANCE = 8
"""Largest distance, in any one channel, at which a colour still counts as a declared one."""

TOLERATED_SHARE = 0.01
"""Largest share of a mask's pixels that may have a nearly declared colour."""

DEFAULT_TYPE = "anomaly"
"""The type of a binary mask whose picture has no kind."""

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_OPAQUE = 128
_BRIGHT = 128
# What Pillow's parsers let out on damaged input.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_FORMATS = ("PNG", "BMP", "TIFF", "WEBP")
_WHITE, _BLACK = 0xFFFFFF, 0x000000


@dataclass(frozen=True, eq=False)
class Mask:
    """The anomalous pixels of one picture.

    Attributes:
        types: Names of the anomaly types that ``index`` may hold.
        index: uint8 (height, width); 0 is background, ``i`` is ``types[i - 1]``.
    """

    types: tuple[str, ...]
    index: NDArray[np.uint8]

    @property
    def any(self) -> bool:
        """Whether any pixel is anomalous."""
        return bool(self.index.any())

    @property
    def binary(self) -> NDArray[np.bool_]:
        """The anomalous pixels of every type, bool (height, width)."""
        return np.asarray(self.index != 0)

    def as_types(self, types: Sequence[str]) -> Mask:
        """Renumber the pixels for another list of types; pixels of types it does not hold become background.

        Raises:
            DatasetError: more than 255 types.
        """
        _require_countable(types, "the list of types")
        numbers = {name: number for number, name in enumerate(types, 1)}
        table = np.array([0, *(numbers.get(name, 0) for name in self.types)], dtype=np.uint8)
        return Mask(tuple(types), table[self.index])


@dataclass(frozen=True)
class BinaryMask:
    """A mask file without colours: bright, opaque pixels are anomalous, all of the same type."""

    path: Path
    type: str = DEFAULT_TYPE

    @property
    def types(self) -> tuple[str, ...]:
        """The one type, as a tuple."""
        return (self.type,)


@dataclass(frozen=True)
class ColorMask:
    """A Lookout for Vision mask: a PNG, with the colours of its labels declared in the manifest.

    Attributes:
        path: The PNG.
        labels: Pairs of label and ``#RRGGBB``, without background; a label may have several colours.
        background: Further colours (``#RRGGBB``) that were declared as background.
        void: Colours of pixels that nobody judges; a ``Mask`` has them as background, a class map as -1.
    """

    path: Path
    labels: tuple[tuple[str, str], ...]
    background: tuple[str, ...] = field(default=())
    void: tuple[str, ...] = field(default=())

    @property
    def types(self) -> tuple[str, ...]:
        """The labels, each once, in the order of the declaration."""
        return tuple(dict.fromkeys(label for label, _ in self.labels))


MaskSource = BinaryMask | ColorMask


def load_mask(source: MaskSource, width: int, height: int, name: str, limits: Limits = DEFAULT_LIMITS) -> Mask:
    """Read a mask for a picture of ``width`` by ``height`` pixels.

    Args:
        source: Where the mask is.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        name: The picture's name, for messages.
        limits: Bounds on bytes and pixels of the mask file.

    Raises:
        DatasetError: the file is missing or damaged, is no PNG (colour mask), holds colours that were not
            declared, or marks pixels at another size than the picture's.
        LimitError: the mask is over a limit.
    """
    where = f"{name}: mask {source.path.name}"
    data = read_file(source.path, limits.image_bytes, where)
    if isinstance(source, ColorMask):
        return Mask(source.types, read_color_mask(data, source, width, height, where, limits))
    index = read_binary_mask(data, where, limits)
    return Mask(source.types, _fit(index, width, height, where))


def read_color_mask(
    data: bytes, source: ColorMask, width: int, height: int, where: str, limits: Limits = DEFAULT_LIMITS
) -> NDArray[np.uint8]:
    """Apply the reading rule for Lookout for Vision masks to a PNG.

    Pixels with alpha below 128, and white or black that no label declares, are background. Other colours that
    no label declares are an error, except colours within a channel distance of 8 of a declared one on up to
    1 % of the pixels. A mask without label pixels may have any size.

    Returns:
        uint8 (height, width): 0 for background, else the number of the label in ``source.types`` plus one.

    Raises:
        DatasetError: not a PNG by content, undeclared colours (the message lists label, declared colour and
            found colours), or label pixels at another size than the picture's.
        LimitError: more pixels than ``limits`` allow.
    """
    if not data.startswith(_PNG):
        raise DatasetError(f"{where}: not a PNG by content; masks must be saved as PNG")
    rgba = _open_rgba(data, where, limits)
    index = _index_by_color(rgba, source, where)
    return _fit(index, width, height, where)


def read_binary_mask(data: bytes, where: str, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Read a mask without colours: 1 where the brightest channel is at least 128 and the pixel is opaque.

    A mask whose values are only 0 and 1 marks the ones.

    Returns:
        uint8 (height, width), 0 or 1.

    Raises:
        DatasetError: the file is no picture, or is a JPEG (whose compression blurs masks).
        LimitError: more pixels than ``limits`` allow.
    """
    if data.startswith(_JPEG):
        raise DatasetError(f"{where}: a JPEG blurs masks; save it as PNG")
    rgba = _open_rgba(data, where, limits)
    bright = rgba[..., :3].max(axis=2)
    level = 1 if bright.size and bright.max() == 1 else _BRIGHT
    return np.asarray((bright >= level) & (rgba[..., 3] >= _OPAQUE), dtype=np.uint8)


def _open_rgba(data: bytes, where: str, limits: Limits) -> NDArray[np.uint8]:
    """Decode to RGBA uint8 (height, width, 4), with the size checked before the pixels are."""
    try:
        image_size(data, name=where, limits=limits, exif=False)
    except ImageError as error:
        raise DatasetError(str(error)) from error
    try:
        with pillow_quiet(), Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion would clip, not scale
                grey = np.asarray(image).astype(np.int64)
                grey = np.clip(grey >> 8 if grey.max(initial=0) > 255 else grey, 0, 255).astype(np.uint8)
                opaque = np.full_like(grey, 255)
                return np.dstack([grey, grey, grey, opaque])
            return np.asarray(image.convert("RGBA"))
    except _DAMAGE as error:
        raise DatasetError(f"{where}: not a readable picture ({error})") from error


def _index_by_color(rgba: NDArray[np.uint8], source: ColorMask, where: str) -> NDArray[np.uint8]:
    _require_countable(source.types, where)
    numbers = {label: number for number, label in enumerate(source.types, 1)}
    table = {int(color.lstrip("#"), 16): numbers[label] for label, color in source.labels}
    for color in (*(int(color.lstrip("#"), 16) for color in (*source.background, *source.void)), _WHITE, _BLACK):
        table.setdefault(color, 0)

    channels = rgba.astype(np.int32)
    codes = (channels[..., 0] << 16) | (channels[..., 1] << 8) | channels[..., 2]
    index = np.zeros(codes.shape, dtype=np.uint8)
    unknown = rgba[..., 3] >= _OPAQUE
    for color, number in table.items():
        same = unknown & (codes == color)
        index[same] = number
        unknown &= ~same
    if unknown.any():
        index[unknown] = _nearly_declared(codes[unknown], table, codes.size, source, where)
    return index


def _nearly_declared(
    codes: NDArray[np.signedinteger[Any]],
    table: Mapping[int, int],
    pixels: int,
    source: ColorMask,
    where: str,
) -> NDArray[np.uint8]:
    """Numbers for the few pixels whose colour is close to a declared one. Raises DatasetError for others."""
    found, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    known = np.array(list(table), dtype=np.int64)
    distance = np.full((2, found.size), np.iinfo(np.int64).max)  # row 0: smallest so far, row 1: whose
    for position, color in enumerate(known):
        apart = np.max([abs((found.astype(np.int64) >> s & 255) - (color >> s & 255)) for s in (16, 8, 0)], axis=0)
        closer = apart < distance[0]
        distance[0, closer] = apart[closer]
        distance[1, closer] = position
    if distance[0].max() > COLOR_TOLERANCE or codes.size > TOLERATED_SHARE * pixels:
        most_first = np.argsort(-counts, kind="stable")[:10]
        colors = ", ".join(f"#{int(found[i]):06X} ({int(counts[i])} px)" for i in most_first)
        declared = ", ".join(f"'{label}' {color}" for label, color in source.labels) or "only background"
        more = f" and {found.size - 10} more" if found.size > 10 else ""
        raise DatasetError(
            f"{where}: colours that the manifest does not declare; declared: {declared}; "
            f"found: {colors}{more}; repaint the mask without anti-aliasing, or correct hex-color in the "
            "manifest"
        )
    values = np.array(list(table.values()), dtype=np.uint8)
    return np.asarray(values[distance[1]][inverse])


def _fit(index: NDArray[np.uint8], width: int, height: int, where: str) -> NDArray[np.uint8]:
    if index.shape == (height, width):
        return index
    if not index.any():
        return np.zeros((height, width), dtype=np.uint8)
    raise DatasetError(f"{where}: is {index.shape[1]} x {index.shape[0]} pixels, but the picture is {width} x {height}")


def _require_countable(types: Sequence[str], where: str) -> None:
    if len(types) > 255:
        raise DatasetError(f"{where}: {len(types)} anomaly types; at most 255 can be told apart")
