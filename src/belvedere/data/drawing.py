"""A picture of a dataset with what is marked on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from belvedere.core.errors import DatasetError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.annotations import Instance, KeypointLayout, Polygons
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.vision.colors import parse_hex
from belvedere.vision.name_colors import name_color
from belvedere.vision.overlay import paint_area
from belvedere.vision.paint import paint_labels, paint_outline, rim_color
from belvedere.vision.plates import BoxXYXY
from belvedere.vision.skeleton import paint_skeleton

NORMAL, ANOMALY, NOTHING = "#2563EB", "#DC2626", "#A1A1AA"
"""Colours of normal and anomalous pictures, and of those that nobody looked at."""

_OPACITY = 0.35
_THIN = 16  # pixels of the shorter side up to which a box gets the thinnest line
_FINEST = 4  # times the drawing's resolution at which outlines are rasterised


def draw_record(
    record: Record, dataset: Dataset, width: int, height: int, limits: Limits = DEFAULT_LIMITS
) -> Image.Image:
    """Draw a picture at another size, with its instances (largest first) or the pixels of its mask.

    Lines and labels fit the drawing, not the picture. Things without an outline get a box, crowds say so,
    things that shall not count a question mark behind their label.

    Args:
        record: The picture.
        dataset: Where it is from: the colours of types, the keypoints.
        width: Most pixels of the drawing's width.
        height: Most pixels of its height.
        limits: Bounds on the picture.

    Returns:
        RGB, in the picture's aspect.

    Raises:
        ImageError: the picture cannot be read.
        LimitError: over a limit.
    """
    image = Image.fromarray(record.image(limits))
    scale = min(width / image.width, height / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    canvas = image.resize(size, Image.Resampling.LANCZOS)
    scales = np.array([size[0] / image.width, size[1] / image.height])
    if record.instances is not None:
        _draw_instances(canvas, record, dataset.keypoints, scales)
    elif record.mask is not None:
        _draw_mask(canvas, record, dataset.colors, image.size, limits)
    return canvas


def words_of(record: Record) -> tuple[str, tuple[str, ...]]:
    """What is known of a picture in a few words, and the colours of the dots before them."""
    if record.instances is not None:
        counts = Counter((one.label, one.crowd) for one in record.instances).most_common()
        shown = ", ".join(f"{count} crowd of {name}" if crowd else f"{count} {name}" for (name, crowd), count in counts)
        colors = dict.fromkeys(name_color(name) for (name, _), _ in counts)
        return shown or "nothing marked", tuple(colors)
    if record.classes:
        return ", ".join(record.classes), tuple(map(name_color, record.classes))
    if record.label == "normal":
        return "normal", (NORMAL,)
    if record.label == "anomaly":
        return f"anomaly: {record.kind}" if record.kind else "anomaly", (ANOMALY,)
    return "no label", (NOTHING,)


def _draw_instances(
    canvas: Image.Image, record: Record, layout: KeypointLayout | None, scales: NDArray[np.float64]
) -> None:
    instances = sorted(record.instances or (), key=lambda one: -one.size)
    boxes = [_scaled(one.box_xyxy, scales) for one in instances]
    colors = [name_color(one.label) for one in instances]
    labels = [_label(one) for one in instances]
    for one, color in zip(instances, colors, strict=True):
        mask = _mask_of(one, canvas.size, scales)
        if mask is not None and mask.any():
            paint_area(canvas, mask, color, _OPACITY)
            paint_outline(canvas, mask, color)
    for one, box, color in zip(instances, boxes, colors, strict=True):
        if one.keypoints is not None:
            shown = one.keypoints[:, 2] > 0
            bones = layout.skeleton if layout is not None and len(layout.names) == len(shown) else ()
            longest = max(box[2] - box[0], box[3] - box[1])
            paint_skeleton(canvas, one.keypoints[:, :2] * scales, shown, bones, color, longest)
    # Small things get their label first: they have less room for it.
    order = sorted(range(len(instances)), key=lambda place: instances[place].size)
    pen = ImageDraw.Draw(canvas)
    for place in reversed(order):
        if instances[place].shape is None:
            _paint_box(pen, boxes[place], canvas.size, colors[place])
    paint_labels(
        canvas,
        [boxes[place] for place in order],
        [labels[place] for place in order],
        [colors[place] for place in order],
    )


def _paint_box(pen: ImageDraw.ImageDraw, box: BoxXYXY, size: tuple[int, int], color: str) -> None:
    """A coloured line with a hair of a rim: on a small drawing a full rim would outshine the colour."""
    left, top = max(1, int(box[0])), max(1, int(box[1]))
    right = min(size[0] - 2, max(left, int(np.ceil(box[2])) - 1))
    bottom = min(size[1] - 2, max(top, int(np.ceil(box[3])) - 1))
    if right - left < 1 or bottom - top < 1:
        right, bottom = max(right, left + 1), max(bottom, top + 1)
    ink = parse_hex(color)
    pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=rim_color(ink))
    pen.rectangle((left, top, right, bottom), outline=ink, width=1 + (min(right - left, bottom - top) > _THIN))


def _label(instance: Instance) -> str:
    if instance.crowd:
        return f"crowd: {instance.label}"
    return f"{instance.label} ?" if instance.ignore else instance.label


def _mask_of(instance: Instance, size: tuple[int, int], scales: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """The pixels of a shape on the drawing."""
    if instance.shape is None:
        return None
    if isinstance(instance.shape, Polygons):
        fine = Image.new("L", (size[0] * _FINEST, size[1] * _FINEST))
        pen = ImageDraw.Draw(fine)
        for part in instance.shape.parts:
            pen.polygon([(float(x), float(y)) for x, y in part * scales * _FINEST], fill=255)
    else:
        fine = Image.fromarray(instance.shape.to_mask() * np.uint8(255))
    return np.asarray(fine.resize(size, Image.Resampling.BOX)) >= 128


def _draw_mask(
    canvas: Image.Image, record: Record, colors: Mapping[str, str], size: tuple[int, int], limits: Limits
) -> None:
    try:
        mask = record.load_mask(*size, limits)
    except (DatasetError, LimitError):
        return  # the check of the dataset names it; here the picture is shown
    for number, name in enumerate(mask.types if mask is not None else (), 1):
        assert mask is not None
        inside = Image.fromarray((mask.index == number) * np.uint8(255)).resize(canvas.size, Image.Resampling.BOX)
        shown = np.asarray(inside) >= 64  # thin marks stay to be seen
        if shown.any():
            color = colors.get(name, ANOMALY if len(mask.types) == 1 else name_color(name))
            paint_area(canvas, shown, color, _OPACITY)
            paint_outline(canvas, shown, color)


def _scaled(box: BoxXYXY, scales: NDArray[np.float64]) -> BoxXYXY:
    across, down = float(scales[0]), float(scales[1])
    return box[0] * across, box[1] * down, box[2] * across, box[3] * down
