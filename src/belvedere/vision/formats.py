"""What kind of file some bytes are, told by their first bytes alone."""

from __future__ import annotations

from belvedere.core.errors import ImageError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""Suffixes, in lower case, under which pictures are looked for. What a file is, its content decides."""

SUPPORTED = "JPEG, PNG, WebP, BMP or TIFF"

_PICTURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"GIF8", "a GIF picture"),
    (b"%!PS", "a PostScript or EPS file"),
    (b"\xc5\xd0\xd3\xc6", "an EPS file"),
    (b"%PDF", "a PDF document"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\1\0", "a Windows icon"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"P1", "a PBM picture"),
    (b"P2", "a PGM picture"),
    (b"P3", "a PPM picture"),
    (b"P4", "a PBM picture"),
    (b"P5", "a PGM picture"),
    (b"P6", "a PPM picture"),
    (b"#?RADIANCE", "a Radiance HDR picture"),
    (b"\x93NUMPY", "a numpy file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"{", "JSON or other text"),
)

_BOXES = {b"avif": "an AVIF picture", b"heic": "a HEIC picture", b"heix": "a HEIC picture"}
_MARKUP = (b"<svg", b"<html", b"<?xml", b"<!doctype")


def picture_format(data: bytes, name: str) -> str:
    """The format of an encoded picture: ``JPEG``, ``PNG``, ``WEBP``, ``BMP`` or ``TIFF``.

    Raises:
        ImageError: the bytes are none of these; the message says what they are, where that is recognisable.
    """
    for magic, kind in _PICTURES:
        if data.startswith(magic):
            return kind
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    raise ImageError(f"{name}: {_found(data)}, but a {SUPPORTED} picture was expected")


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Canvas width and height of a WebP picture from its first 30 bytes, or None where they are damaged.

    Pillow's decoder allocates the canvas as soon as it is made, so this must be known before
    (RFC 9649, sections 2.5 to 2.7).
    """
    chunk, head = data[12:16], data[20:30]
    if chunk == b"VP8X" and len(head) == 10:
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if chunk == b"VP8L" and len(head) >= 5 and head[0] == 0x2F:
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and head[3:6] == b"\x9d\x01\x2a" and len(head) == 10:
        width, height = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
        return width & 0x3FFF, height & 0x3FFF
    return None


def _found(data: bytes) -> str:
    if not data:
        return "the file is empty"
    for magic, what in _OTHERS:
        if data.startswith(magic):
            return f"this is {what}"
    if data[4:8] == b"ftyp":
        return f"this is {_BOXES.get(data[8:12], 'an MP4, HEIF or similar file')}"
    text = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_MARKUP):
        return "this is an SVG picture" if b"<svg" in data[:4096].lower() else "this is HTML or XML text"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in data[:64]):
        return "this is text"
    return "the content is not recognised"
