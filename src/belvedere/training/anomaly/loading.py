"""From records to examples: decode, turn, extract, and lay masks on the grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.data.record import Mask, Record
from belvedere.training.anomaly.features import Cells, extract
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.learners import Example, Marked
from belvedere.training.anomaly.turning import reduced, shown, turned
from belvedere.training.backbones import Backbone


@dataclass(frozen=True)
class Views:
    """Copies of every picture that training adds.

    Attributes:
        angles: In degrees, for parts that lie at any angle; none for most.
        mirrored: Whether the heads also learn from copies mirrored left to right, top to bottom, and both.
    """

    angles: tuple[float, ...] = ()
    mirrored: bool = False

    @property
    def count(self) -> int:
        """Views per picture, the picture itself included."""
        return 1 + len(self.angles) + (len(_MIRRORS) if self.mirrored else 0)


_MIRRORS: tuple[Callable[[NDArray[Any]], NDArray[Any]], ...] = (
    lambda grid: grid[:, ::-1],
    lambda grid: grid[::-1],
    lambda grid: grid[::-1, ::-1],
)


def load_examples(
    records: Sequence[Record],
    types: Sequence[str],
    backbone: Backbone,
    geometry: Geometry,
    views: Views,
    exif: bool,
    advance: Callable[[], None] = lambda: None,
) -> list[Example]:
    """Decode the records' pictures and compute everything the learners need, in the records' order.

    Raises:
        ImageError, DatasetError: a picture or mask cannot be read.
    """
    sizes: list[tuple[int, int]] = []

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for record in records:
            picture = record.image(exif=exif)
            sizes.append((picture.shape[1], picture.shape[0]))
            yield picture
            small = reduced(picture, geometry.width, geometry.height) if views.angles else picture
            for angle in views.angles:
                yield turned(small, angle)
            for mirror in _MIRRORS if views.mirrored else ():
                yield np.ascontiguousarray(mirror(picture))

    grids = extract(pictures(), backbone, geometry, advance)
    everything = np.ones(len(geometry.cells), np.bool_)
    valid = (everything, *(shown(geometry.rows, geometry.columns, a) for a in views.angles))
    return [
        _example(
            record,
            grids[i * views.count : (i + 1) * views.count],
            valid,
            _mask(record, sizes[i], types),
            types,
            geometry,
        )
        for i, record in enumerate(records)
    ]


def _example(
    record: Record,
    grids: Sequence[Cells],
    valid: tuple[NDArray[np.bool_], ...],
    mask: Mask | None,
    types: Sequence[str],
    geometry: Geometry,
) -> Example:
    straight, mirrored = grids[: len(valid)], grids[len(valid) :]
    copies = []
    for mirror, grid in zip(_MIRRORS, mirrored, strict=False):
        flipped = geometry if geometry.roi is None else replace(geometry, roi=mirror(geometry.roi))
        cover = None if mask is None else cover_of(replace(mask, index=mirror(mask.index)), types, flipped)
        copies.append(Marked(grid[flipped.cells], cover))
    return Example(
        views=tuple(grid[geometry.cells] for grid in straight),
        valid=valid,
        mirrored=tuple(copies),
        anomalous=record.label == "anomaly",
        cover=None if mask is None else cover_of(mask, types, geometry),
        stratum=f"{record.label}/{record.kind or ''}",
    )


def cover_of(mask: Mask, types: Sequence[str], geometry: Geometry) -> NDArray[np.float32]:
    """Share of each cell that each type covers, float32 (T, P)."""
    layers = []
    for kind in types:
        index = mask.types.index(kind) + 1 if kind in mask.types else -1
        layer = Image.fromarray((mask.index == index).astype(np.uint8) * 255)
        small = layer.resize((geometry.columns, geometry.rows), Image.Resampling.BOX)
        layers.append(np.asarray(small, np.float32).reshape(-1)[geometry.cells] / 255)
    return np.stack(layers)


def _mask(record: Record, size: tuple[int, int], types: Sequence[str]) -> Mask | None:
    mask = record.load_mask(*size) if types else None
    return mask if mask is not None and mask.any else None
