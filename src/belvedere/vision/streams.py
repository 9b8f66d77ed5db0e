"""Encoded pictures from open files."""

from __future__ import annotations

import io
from typing import Any

from belvedere.core.errors import ImageError
from belvedere.core.limits import Limits


def is_stream(source: object) -> bool:
    """Whether ``source`` is something to read from, such as an open file."""
    return callable(getattr(source, "read", None))


def stream_name(stream: Any) -> str | None:
    """The path that an open file was opened by; None for what has none."""
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) and name else None


def read_stream(stream: Any, limits: Limits) -> bytes:
    """Read an encoded picture from where an open file stands to its end; one byte over the limit is the most.

    Args:
        stream: Opened in binary mode; it stays open.
        limits: Bounds on bytes; the decoder refuses what is larger.

    Raises:
        ImageError: it is closed, gives text, or cannot be read.
    """
    name = stream_name(stream) or f"a {type(stream).__name__}"
    if isinstance(stream, io.TextIOBase):
        raise _is_text(name)
    pieces, most = [], limits.image_bytes + 1
    while most > 0:
        try:
            piece = stream.read(most)
        except (OSError, ValueError) as error:  # a closed file raises ValueError
            raise ImageError(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
        if isinstance(piece, str):
            raise _is_text(name)
        if not isinstance(piece, (bytes, bytearray, memoryview)):
            raise ImageError(f"{name}: reading gave {type(piece).__name__}, not bytes")
        if not piece:
            break
        pieces.append(bytes(piece))
        most -= len(piece)
    return b"".join(pieces)


def _is_text(name: str) -> ImageError:
    return ImageError(f"{name}: opened as text, and a picture is bytes: open it in binary mode, open(path, 'rb')")
