"""Records whose pictures are transformed as they are read, with truths that follow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.core.files import sha256_of
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.masks import Mask
from belvedere.data.record import Record
from belvedere.data.transformations.transformation import Transformation
from belvedere.vision.decode import image_size
from belvedere.vision.encode import png_bytes


@dataclass(frozen=True)
class TransformedRecord(Record):
    """A picture under a transformation, made anew whenever it is read; its instances follow.

    Attributes:
        source: The picture as it is.
        transformation: What happens to it.
        exif: Whether it is turned as its EXIF orientation says before.
        source_size: Its width and height then.
    """

    source: Record | None = None
    transformation: Transformation | None = None
    exif: bool = True
    source_size: tuple[int, int] = (1, 1)

    @property
    def _parts(self) -> tuple[Record, Transformation]:
        assert self.source is not None
        assert self.transformation is not None
        return self.source, self.transformation

    def image(self, limits: Limits = DEFAULT_LIMITS, exif: bool = True) -> NDArray[np.uint8]:
        """The transformed picture, RGB uint8 (height, width, 3); ``exif`` was decided before. Raises as `Record`'s."""
        del exif
        source, transformation = self._parts
        return transformation.image(source.image(limits, self.exif), picture=self.name)

    def read(self, limits: Limits = DEFAULT_LIMITS) -> bytes:
        """The transformed picture as BMP, or as PNG where that is over the limit. Raises what `Record`'s raises."""
        image = self.image(limits)
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "BMP")
        data = stream.getvalue()
        return data if len(data) <= limits.image_bytes else png_bytes(image)

    def load_mask(self, width: int, height: int, limits: Limits = DEFAULT_LIMITS) -> Mask | None:
        """The mask as the transformed picture shows it. Raises as `Record`'s."""
        del width, height  # those of the transformed picture, which the transformation knows
        source, transformation = self._parts
        mask = source.load_mask(*self.source_size, limits)
        return None if mask is None else Mask(mask.types, transformation.labels(mask.index, picture=self.name))

    def class_map(
        self, classes: Sequence[str], width: int, height: int, limits: Limits = DEFAULT_LIMITS
    ) -> NDArray[np.int16]:
        """The class of every pixel of the transformed picture. Raises as `Record`'s."""
        source, transformation = self._parts
        if self.mask is None:
            return super().class_map(classes, width, height, limits)
        return np.asarray(
            transformation.labels(source.class_map(classes, *self.source_size, limits), picture=self.name)
        )

    def hides_its_marks(self, limits: Limits = DEFAULT_LIMITS) -> bool:
        """Whether the mask marks pixels and the transformed picture shows none of them. Raises as `load_mask`."""
        source, transformation = self._parts
        if self.mask is None or transformation.warp(*self.source_size, picture=self.name) is None:
            return False
        mask = source.load_mask(*self.source_size, limits)
        return mask is not None and mask.any and not transformation.labels(mask.binary, picture=self.name).any()

    def content_hash(self, limits: Limits = DEFAULT_LIMITS) -> str:
        """SHA-256 over the picture as it is and what happens to it. Raises as `Record`'s."""
        source, transformation = self._parts
        return sha256_of(f"{source.content_hash(limits)} {transformation} {self.exif}".encode())


def transformed(
    record: Record, transformation: Transformation, *, exif: bool = True, limits: Limits = DEFAULT_LIMITS
) -> TransformedRecord:
    """A record under a transformation; the head of its picture is read for its size.

    Raises:
        ImageError: the picture cannot be read.
        LimitError: it is over a limit.
        DatasetError: a mask among its instances is not of the picture's size.
    """
    size = image_size(record.read(limits), name=record.name, limits=limits, exif=exif)
    known: dict[str, Any] = {field.name: getattr(record, field.name) for field in fields(Record)}
    if record.instances is not None:
        known["instances"] = transformation.instances(record.instances, *size, picture=record.name)
    known["declared_size"] = None
    return TransformedRecord(**known, source=record, transformation=transformation, exif=exif, source_size=size)
