"""The one decoder: JPEG, PNG, WebP, BMP and TIFF to RGB, bounded, with one kind of error.

The content decides what a file is, not its name. Bytes and pixels are checked against the limits before
pixels are allocated. The first frame of a file with several is taken. JPEGs are decoded in full: no draft
mode, no reduced scale. How other layouts become 8-bit RGB is stated in `belvedere.vision.pixels`.
"""

from __future__ import annotations

import glob
import io
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from belvedere.core.errors import ImageError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.vision.formats import IMAGE_SUFFIXES, picture_format, webp_size
from belvedere.vision.pixels import array_to_rgb, check_pixels, to_rgb
from belvedere.vision.quiet import pillow_quiet
from belvedere.vision.streams import is_stream, read_stream, stream_name

__all__ = ["IMAGE_SUFFIXES", "ImageSource", "decode", "image_size", "load_image"]

ImageSource = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[Any]
"""A file, its bytes, the open file, a Pillow picture, or an array: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4)."""

_Transpose = Image.Transpose
_ORIENTATION = {
    2: _Transpose.FLIP_LEFT_RIGHT,
    3: _Transpose.ROTATE_180,
    4: _Transpose.FLIP_TOP_BOTTOM,
    5: _Transpose.TRANSPOSE,
    6: _Transpose.ROTATE_270,
    7: _Transpose.TRANSVERSE,
    8: _Transpose.ROTATE_90,
}
_INVERSE = {**_ORIENTATION, 6: _Transpose.ROTATE_90, 8: _Transpose.ROTATE_270}
_TURNED = frozenset({5, 6, 7, 8})
_EXIF_ORIENTATION = 0x0112
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 258, 262, 322, 323

# Made directly rather than through Image.open, whose check against the process-wide
# PIL.Image.MAX_IMAGE_PIXELS would overrule our limit, and which would try formats that we do not want.
_OPENERS: dict[str, type[Any]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}

_SEVERAL = "give a list of paths, such as [record.path for record in belvedere.open_dataset({!r})]"

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
)


def load_image(source: ImageSource, *, limits: Limits = DEFAULT_LIMITS, exif: bool = True) -> NDArray[np.uint8]:
    """Read a picture from wherever it is.

    The same picture gives the same array through every entry.

    Args:
        source: A path, encoded bytes, a file opened in binary mode (read from where it stands, and left open), a
            Pillow picture, or an array in RGB order (bool, uint8 or uint16).
        limits: Bounds on bytes and pixels.
        exif: Whether to turn the picture as its EXIF orientation says. A TIFF that was already loaded by
            Pillow is turned and stays so.

    Returns:
        RGB uint8 (height, width, 3), contiguous; it may be read-only.

    Raises:
        ImageError: missing, damaged, or of an unsupported kind, shape or dtype.
        LimitError: over a limit.
    """
    if isinstance(source, np.ndarray):
        return array_to_rgb(source, "array", limits)
    if isinstance(source, Image.Image):
        name = os.fspath(getattr(source, "filename", "")) or "Pillow picture"
        return _from_pillow(source, os.fsdecode(name), limits, exif)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return decode(bytes(source), limits=limits, exif=exif)
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        return decode(_read(path, limits), name=str(path), limits=limits, exif=exif)
    if is_stream(source):
        return decode(read_stream(source, limits), name=stream_name(source) or "image", limits=limits, exif=exif)
    raise ImageError(
        f"a value of type {type(source).__name__} is no picture: expected a path, bytes, a file opened in binary mode, "
        "a Pillow picture or an array"
    )


def decode(
    data: bytes, *, name: str = "image", limits: Limits = DEFAULT_LIMITS, exif: bool = True
) -> NDArray[np.uint8]:
    """Decode a picture.

    Args:
        data: The encoded picture.
        name: Names it in messages.
        limits: Bounds on bytes and pixels.
        exif: Whether to turn the picture as its EXIF orientation says.

    Returns:
        RGB uint8 (height, width, 3), contiguous; it may be read-only.

    Raises:
        ImageError: damaged, truncated, or of an unsupported kind.
        LimitError: more bytes or pixels than ``limits`` allow.
    """
    with _opened(data, name, limits) as image:
        return _load(image, name, exif)


def image_size(
    data: bytes, *, name: str = "image", limits: Limits = DEFAULT_LIMITS, exif: bool = True
) -> tuple[int, int]:
    """Width and height that ``decode`` would give, from the header alone. Raises what ``decode`` raises.

    Damage behind the header is not noticed.
    """
    with _opened(data, name, limits) as image:
        width, height = _stored_size(image)
        turned = exif and _orientation(image) in _TURNED
        return (height, width) if turned else (width, height)


@contextmanager
def _opened(data: bytes, name: str, limits: Limits) -> Iterator[Image.Image]:
    """The picture with its header read and found within the limits; failures inside become ImageError."""
    if len(data) > limits.image_bytes:
        raise _too_many_bytes(name, len(data), limits)
    kind = picture_format(data, name)
    if kind == "WEBP":
        size = webp_size(data)
        if size is None:
            raise ImageError(f"{name}: damaged or truncated WebP picture (no size in the header)")
        check_pixels(*size, name, limits)
    damaged = f"damaged or truncated {_spelled(kind)} picture"
    with _guarded(name, damaged), _OPENERS[kind](io.BytesIO(data)) as image:
        check_pixels(*_stored_size(image), name, limits)
        _check_tiles(image, name, limits)
        yield image


@contextmanager
def _guarded(name: str, what: str) -> Iterator[None]:
    try:
        with pillow_quiet():
            yield
    except (ImageError, LimitError):
        raise
    except Image.DecompressionBombError as error:
        raise LimitError(
            f"{name}: Pillow refuses this picture ({error}); raise PIL.Image.MAX_IMAGE_PIXELS in your "
            "program or make the picture smaller"
        ) from error
    except _DAMAGE as error:
        raise ImageError(f"{name}: {what} ({str(error) or type(error).__name__})") from error


def _from_pillow(image: Image.Image, name: str, limits: Limits, exif: bool) -> NDArray[np.uint8]:
    with _guarded(name, "the Pillow picture cannot be read"):
        check_pixels(*image.size, name, limits)
        _check_tiles(image, name, limits)
        return _load(image, name, exif)


def _load(image: Image.Image, name: str, exif: bool) -> NDArray[np.uint8]:
    """The pixels of a picture whose header was checked, as RGB."""
    orientation = _orientation(image)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        values = _tiff_values(image)
        turned_by_pillow = bool(image.tile)  # as it loads; not if it was loaded before
        if turned_by_pillow:
            _allocate(image)
    else:
        values, turned_by_pillow = {}, False
    image.load()
    rgb = to_rgb(image, name, **values)
    if turned_by_pillow:
        turn = None if exif else _INVERSE.get(orientation)
    else:
        turn = _ORIENTATION.get(orientation) if exif else None
    return np.asarray(rgb if turn is None else rgb.transpose(turn))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none or the EXIF data are damaged."""
    try:
        # The base method: PNG's own one would decode the pixels to look for EXIF data behind them.
        value = Image.Image.getexif(image).get(_EXIF_ORIENTATION, 1)
    except _DAMAGE:
        return 1
    return value if isinstance(value, int) else 1


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Width and height before any turning. Pillow swaps those of a turned TIFF when it opens it."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(image.tag_v2[_WIDTH]), int(image.tag_v2[_HEIGHT])
    return image.size


def _check_tiles(image: Image.Image, name: str, limits: Limits) -> None:
    """Refuse a TIFF with tiles over the limit: libtiff allocates a whole tile, however small the picture."""
    if isinstance(image, TiffImagePlugin.TiffImageFile) and _TILE_WIDTH in image.tag_v2:
        width, height = image.tag_v2[_TILE_WIDTH], image.tag_v2.get(_TILE_HEIGHT, 1)
        check_pixels(int(width), int(height), f"{name}: tile", limits)


def _allocate(image: Image.Image) -> None:
    """Give a TIFF its memory now, because Pillow would hold its size against PIL.Image.MAX_IMAGE_PIXELS."""
    image.im = Image.new(image.mode, _stored_size(image)).im


def _tiff_values(image: TiffImagePlugin.TiffImageFile) -> dict[str, Any]:
    """How the values of a 16-bit grey TIFF are to be read; Pillow leaves them as stored."""
    tags = image.tag_v2
    bits = tags.get(_BITS, (16,))
    grey16 = image.mode.startswith("I;16")
    return {
        "bits": 12 if grey16 and tuple(bits)[:1] == (12,) else 16,
        "white_is_zero": grey16 and tags.get(_PHOTOMETRIC) == 0,
    }


def _read(path: Path, limits: Limits) -> bytes:
    try:
        size = path.stat().st_size
        if size > limits.image_bytes:
            raise _too_many_bytes(str(path), size, limits)
        with path.open("rb") as stream:
            data = stream.read(limits.image_bytes + 1)
    except FileNotFoundError:
        hint = f"; it is not read as a pattern: {_SEVERAL.format(str(path))}" if glob.has_magic(str(path)) else ""
        raise ImageError(f"{path}: there is no such file{hint}") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: is a folder, not a picture; for those in it {_SEVERAL.format(str(path))}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, LimitError):
            raise
        raise ImageError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if len(data) > limits.image_bytes:
        raise _too_many_bytes(str(path), len(data), limits)
    return data


def _too_many_bytes(name: str, size: int, limits: Limits) -> LimitError:
    return LimitError(
        f"{name}: {size} bytes, over the limit of {limits.image_bytes}; make the file smaller, or in Python raise "
        "Limits.image_bytes"
    )


def _spelled(kind: str) -> str:
    return "WebP" if kind == "WEBP" else kind
