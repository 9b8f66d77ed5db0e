"""One picture of a dataset and what is known about it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import ImageError
from belvedere.core.files import sha256_of
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.masks import BinaryMask, ColorMask, Mask, MaskSource, load_mask
from belvedere.data.reading import read_file
from belvedere.vision.decode import decode

if TYPE_CHECKING:
    from belvedere.data.annotations import Instance

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
        line: The object that a manifest or a COCO file holds for this picture.
        category: The class of the whole picture, where it has one.
        categories: Its classes where a picture may have several; None where it may not, or nobody said.
        instances: The things marked on it; empty where somebody looked and there is none, None where nobody did.
        declared_size: Width and height of the picture as its annotation says, maybe wrongly.
        part: The part of the dataset by its own name, such as ``val``, where ``split`` cannot say it.
        origin: Where the dataset names the picture, ``file:line``, for messages.
    """

    name: str
    path: Path
    label: Label | None = None
    kind: str | None = None
    split: Split | None = None
    mask: MaskSource | None = None
    line: Mapping[str, Any] | None = field(default=None, hash=False, repr=False)
    category: str | None = None
    categories: tuple[str, ...] | None = None
    instances: tuple[Instance, ...] | None = field(default=None, repr=False)
    declared_size: tuple[int, int] | None = None
    part: str | None = None
    origin: str | None = field(default=None, compare=False, repr=False)

    @property
    def part_name(self) -> str | None:
        """The name of its part: ``part``, else ``split``."""
        return self.part or self.split

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the whole picture: none, one or several."""
        if self.categories is not None:
            return self.categories
        return () if self.category is None else (self.category,)

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

    def class_map(
        self, classes: Sequence[str], width: int, height: int, limits: Limits = DEFAULT_LIMITS
    ) -> NDArray[np.int16]:
        """The class of every pixel: from the mask, else painted from the instances, later ones over earlier.

        Pixels that nothing marks have the class called background, where ``classes`` has one.

        Args:
            classes: Names of the classes, in the order of their numbers.
            width: Width of the picture in pixels.
            height: Its height.
            limits: Bounds on the mask file.

        Returns:
            int16 (height, width), the place in ``classes``; -1 where a pixel is not to be judged: in crowds, on
            things of other classes, in the void of a mask, and unmarked without a class for background.

        Raises:
            DatasetError: there is neither a mask nor instances with shapes, or they do not fit the picture.
            LimitError: over a limit.
        """
        from belvedere.data.class_maps import class_map

        return class_map(self, classes, width, height, limits)

    def content_hash(self, limits: Limits = DEFAULT_LIMITS) -> str:
        """SHA-256 of the encoded picture. Raises what ``read`` raises."""
        return sha256_of(self.read(limits))
