"""One picture of a dataset and what is known about it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import ImageError
from belvedere.core.files import sha256_of
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.masks import BinaryMask, ColorMask, Mask, MaskSource, load_mask
from belvedere.data.reading import read_file
from belvedere.vision.decode import decode

__all__ = ["BinaryMask", "ColorMask", "Label", "Mask", "MaskSource", "Record", "Split"]

Label = Literal["normal", "anomaly"]
Split = Literal["train", "test"]

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # a library is silent; who listens hears it


@dataclass(frozen=True)
class Record:
    """A picture that has not been read yet.

    Attributes:
        name: Names the picture within its dataset and in messages: a relative POSIX path, or for an ``s3://``
            reference the bucket and key. It does not depend on where the dataset lies.
        path: The file.
        label: ``normal``, ``anomaly``, or None where nobody labelled the picture.
        kind: What sort of anomaly, where it is known and one.
        split: The part of the dataset, where it has parts.
        mask: Where the anomalous pixels are marked.
        line: The object that a manifest holds for this picture.
    """

    name: str
    path: Path
    label: Label | None = None
    kind: str | None = None
    split: Split | None = None
    mask: MaskSource | None = None
    line: Mapping[str, Any] | None = field(default=None, hash=False, repr=False)

    def read(self, limits: Limits = DEFAULT_LIMITS) -> bytes:
        """The encoded picture.

        Raises:
            ImageError: the file is missing or cannot be read.
            LimitError: it has more bytes than ``limits`` allow.
        """
        return read_file(self.path, limits.image_bytes, self.name, ImageError)

    def image(self, limits: Limits = DEFAULT_LIMITS, exif: bool = True) -> NDArray[np.uint8]:
        """The decoded picture, RGB uint8 (height, width, 3).

        Args:
            limits: Bounds on bytes and pixels.
            exif: Whether to turn the picture as its EXIF orientation says.

        Raises:
            ImageError: missing, damaged, or of an unsupported kind.
            LimitError: over a limit.
        """
        return decode(self.read(limits), name=self.name, limits=limits, exif=exif)

    def load_mask(self, width: int, height: int, limits: Limits = DEFAULT_LIMITS) -> Mask | None:
        """The mask for this picture at ``width`` by ``height`` pixels, or None where there is none.

        Label pixels on a picture labelled normal are kept for learning masks, and logged as a warning; the
        picture stays normal.

        Raises:
            DatasetError: the mask is missing, damaged, of another size, or has undeclared colours.
            LimitError: over a limit.
        """
        if self.mask is None:
            return None
        mask = load_mask(self.mask, width, height, self.name, limits)
        if self.label == "normal" and mask.any:
            _log.warning("%s is labelled normal, but its mask marks anomalous pixels; it stays normal", self.name)
        return mask

    def content_hash(self, limits: Limits = DEFAULT_LIMITS) -> str:
        """SHA-256 of the encoded picture. Raises what ``read`` raises."""
        return sha256_of(self.read(limits))
