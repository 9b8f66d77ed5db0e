"""From records to examples: decode, turn, extract, and lay masks on the grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.data.record import Mask, Record
from belvedere.training.anomaly.features import extract
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.learners import Example
from belvedere.training.anomaly.turning import shown, turned
from belvedere.training.backbones import Backbone


@dataclass(frozen=True)
class Views:
    """Angles in degrees at which copies of each picture are added; none for most parts."""

    angles: tuple[float, ...] = ()


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
    each = 1 + len(views.angles)

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for record in records:
            picture = record.image(exif=exif)
            sizes.append((picture.shape[1], picture.shape[0]))
            yield picture
            for angle in views.angles:
                yield turned(picture, angle)

    cells = extract(pictures(), backbone, geometry, advance)
    everything = np.ones(len(geometry.cells), np.bool_)
    valid = (everything, *(shown(geometry.rows, geometry.columns, a) for a in views.angles))
    return [
        Example(
            views=tuple(cells[index * each : (index + 1) * each]),
            valid=valid,
            anomalous=record.label == "anomaly",
            cover=_cover(record, sizes[index], types, geometry),
            stratum=f"{record.label}/{record.kind or ''}",
        )
        for index, record in enumerate(records)
    ]


def cover_of(mask: Mask, types: Sequence[str], geometry: Geometry) -> NDArray[np.float32]:
    """Share of each cell that each type covers, float32 (T, P)."""
    layers = []
    for kind in types:
        index = mask.types.index(kind) + 1 if kind in mask.types else -1
        layer = Image.fromarray((mask.index == index).astype(np.uint8) * 255)
        small = layer.resize((geometry.columns, geometry.rows), Image.Resampling.BOX)
        layers.append(np.asarray(small, np.float32).reshape(-1)[geometry.cells] / 255)
    return np.stack(layers)


def _cover(
    record: Record, size: tuple[int, int], types: Sequence[str], geometry: Geometry
) -> NDArray[np.float32] | None:
    mask = record.load_mask(*size) if types else None
    return None if mask is None or not mask.any else cover_of(mask, types, geometry)
