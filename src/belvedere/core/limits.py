"""Bounds on what is read from outside, as one immutable value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds that are checked before memory is allocated.

    Attributes:
        image_bytes: Largest encoded picture, in bytes.
        image_pixels: Largest picture, width times height.
        archive_bytes: Most bytes that an archive may unpack to.
        archive_members: Most files in an archive.
        archive_ratio: Most times that an archive may grow when unpacked.
        manifest_bytes: Largest dataset manifest, index or CSV file, in bytes.
        manifest_line: Longest line of a JSON Lines manifest, in characters.
        conversion_seconds: Longest time that a process may take to read a model of another framework.
        conversion_bytes: Most data memory, and most written bytes, of such a process.
        tensor_bytes: Largest tensor that a network may compute.
        config_bytes: Largest JSON configuration of a network.
    """

    image_bytes: int = 256 * 1024**2
    image_pixels: int = 100_000_000
    archive_bytes: int = 4 * 1024**3
    archive_members: int = 10_000
    archive_ratio: float = 200.0
    manifest_bytes: int = 512 * 1024**2
    manifest_line: int = 65_536
    conversion_seconds: float = 900.0
    conversion_bytes: int = 16 * 1024**3
    tensor_bytes: int = 4 * 1024**3
    config_bytes: int = 64 * 1024**2


DEFAULT_LIMITS = Limits()
