"""Small encoded pictures for the tests of this room."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def scene(width=40, height=24, seed=3):
    """An RGB picture with a gradient and a marked corner, so that turning it shows."""
    y, x = np.mgrid[:height, :width]
    rgb = np.dstack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x + y + seed) % 256])
    rgb[: height // 4, : width // 4] = (250, 10, 20)
    return rgb.astype(np.uint8)


def encoded(array_or_picture, kind, **options):
    picture = array_or_picture
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def png16(values):
    """A 16-bit PNG of grey, grey+alpha, RGB or RGBA values; Pillow cannot write most of these."""
    values = np.asarray(values)
    height, width = values.shape[:2]
    channels = 1 if values.ndim == 2 else values.shape[2]
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(width, height, tags, data=b""):
    """A little-endian TIFF with one directory of LONG tags; ``data`` follows it, its offset is tag 273's value."""
    tags = {256: width, 257: height, **tags}
    entries = sorted(tags.items())
    start = 8 + 2 + 12 * len(entries) + 4
    body = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    for tag, value in entries:
        body += struct.pack("<HHII", tag, 4, 1, start if value == "data" else value)
    return body + struct.pack("<I", 0) + data
