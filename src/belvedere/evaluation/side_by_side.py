"""Small pictures for reports: what is there, beside what the model says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from belvedere.tasks.label_names import label_color
from belvedere.vision.colors import parse_hex
from belvedere.vision.encode import jpeg_bytes
from belvedere.vision.label_places import place_labels
from belvedere.vision.overlay import paint_area, paint_classes
from belvedere.vision.paint import paint_outline, rim_color
from belvedere.vision.plates import fit_plate, text_color
from belvedere.vision.skeleton import paint_skeleton

SIDE = 360
"""Longest side of a picture in pixels."""

RIGHT, WRONG, FAINT = "#00B3E6", "#FF7A00", "#B8C0CC"
"""Colours of what is right, wrong, and not judged; told apart without colour vision too."""

Box = tuple[float, float, float, float]
Pair = tuple[bytes, bytes, int, int]
"""JPEG of the truth, JPEG of what was said, width and height of both."""

_QUALITY = 82
_AROUND = 2.4  # sides of the cut in sides of what it shows
_LEAST = 0.3  # of the picture's longer side
_TINT, _CLASS_TINT = 0.3, 0.6
_MOST, _MOST_LABELS = 60, 8  # things and labels on one small picture
_LABEL_SCALE, _LABEL_SHARE = 1.25, 0.12
_LINE, _FOCUS_LINE = 2, 4


@dataclass(frozen=True, eq=False)
class DrawnThing:
    """One thing to draw.

    Attributes:
        box_xyxy: Where it is, in pixels of the picture.
        text: Its label.
        right: Whether it agrees with the other side.
        mask: Its pixels, bool (H, W), where it has such.
        joints: float (K, 2), where it has such.
        shown: Joints to draw, bool (K,).
        faint: Whether it does not count.
        focus: Whether the mistake is about it.
    """

    box_xyxy: Box
    text: str
    right: bool
    mask: NDArray[np.bool_] | None = None
    joints: NDArray[np.float64] | None = None
    shown: NDArray[np.bool_] | None = None
    faint: bool = False
    focus: bool = False

    @property
    def color(self) -> str:
        """Its colour."""
        return FAINT if self.faint else RIGHT if self.right else WRONG


def thing_pair(
    image: NDArray[np.uint8],
    truths: Sequence[DrawnThing],
    found: Sequence[DrawnThing],
    focus: Box | None,
    bones: Sequence[tuple[int, int]] = (),
) -> Pair:
    """Draw things on the part of a picture that a mistake is about.

    Args:
        image: RGB uint8 (H, W, 3).
        truths: What is there.
        found: What the model reports.
        focus: Box to look at; None for the whole picture.
        bones: Pairs of joints.
    """
    window = _window(image.shape[1], image.shape[0], focus)
    drawn = [_things(image, window, things, bones) for things in (truths, found)]
    return _encoded(drawn[0]), _encoded(drawn[1]), drawn[0].width, drawn[0].height


def class_map_pair(
    image: NDArray[np.uint8],
    truth: NDArray[np.int16],
    found: NDArray[np.int16],
    names: Sequence[str],
    background: int | None,
) -> Pair:
    """Tint the classes of pixels: what is there, and what the model says. Pixels that do not count are black.

    Args:
        image: RGB uint8 (H, W, 3).
        truth: Class per pixel, -1 where it does not count, int16 (H, W).
        found: Class per pixel, ``len(names)`` for any other, int16 (H, W).
        names: Names of the classes.
        background: The class that is not tinted.
    """
    small = _shrunk(image)
    every = [*names, "other"]
    drawn = []
    for numbers in (truth, found):
        picture = small.copy()
        classes = np.asarray(
            Image.fromarray(numbers.astype(np.int32), "I").resize(small.size, Image.Resampling.NEAREST)
        )
        classes = classes.astype(np.int16)
        counts = np.bincount(classes[classes >= 0], minlength=len(every))
        shown = [number for number in np.argsort(-counts).tolist() if counts[number] and number != background]
        colors = {number: label_color(every[number]) for number in shown}
        paint_classes(picture, classes, {**colors, -1: "#000000"}, _CLASS_TINT)
        _legend(picture, [(f"{every[number]} {counts[number] / classes.size:.0%}", colors[number]) for number in shown])
        drawn.append(picture)
    return _encoded(drawn[0]), _encoded(drawn[1]), small.width, small.height


def plain_pair(image: NDArray[np.uint8]) -> Pair:
    """A picture as it is; there is nothing to show beside it."""
    small = _shrunk(image)
    return _encoded(small), b"", small.width, small.height


def _shrunk(image: NDArray[np.uint8]) -> Image.Image:
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)


def _window(width: int, height: int, focus: Box | None) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the part to show, in whole pixels: the focus with what is around it."""
    if focus is None:
        return 0, 0, width, height
    side = max(_AROUND * (focus[2] - focus[0]), _AROUND * (focus[3] - focus[1]), _LEAST * max(width, height), 48.0)
    spans = []
    for low, high, size in ((focus[0], focus[2], width), (focus[1], focus[3], height)):
        extent = round(min(size, max(side, high - low)))
        start = round(min(max(0.0, (low + high - extent) / 2), size - extent))
        spans.append((start, start + extent))
    return spans[0][0], spans[1][0], spans[0][1], spans[1][1]


def _things(
    image: NDArray[np.uint8],
    window: tuple[int, int, int, int],
    things: Sequence[DrawnThing],
    bones: Sequence[tuple[int, int]],
) -> Image.Image:
    left, top, right, bottom = window
    scale = SIDE / max(right - left, bottom - top)
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    picture = Image.fromarray(image[top:bottom, left:right]).resize(size, Image.Resampling.LANCZOS)
    ranked = sorted(things, key=lambda one: (not one.focus, one.right, one.faint))[:_MOST]
    offset = np.array([left, top])
    boxes = [_moved(one.box_xyxy, window, scale) for one in ranked]
    for one in reversed(ranked):
        if one.mask is not None:
            mask = Image.fromarray(one.mask[top:bottom, left:right]).resize(size, Image.Resampling.NEAREST)
            paint_area(picture, np.asarray(mask), one.color, _TINT)
            paint_outline(picture, np.asarray(mask), one.color)
    for one, box in zip(reversed(ranked), reversed(boxes), strict=True):
        if one.joints is not None and one.shown is not None:
            extent = max(box[2] - box[0], box[3] - box[1])
            paint_skeleton(picture, (one.joints - offset) * scale, one.shown, bones, one.color, extent)
    visible = [number for number, box in enumerate(boxes) if box[2] > box[0] and box[3] > box[1]]
    shapes = [boxes[number] for number in visible]
    colors = [ranked[number].color for number in visible]
    boxed = [number for number in visible if ranked[number].joints is None and ranked[number].mask is None]
    _outline(picture, [boxes[number] for number in boxed], [ranked[number] for number in boxed])
    _label(picture, shapes, [ranked[number].text for number in visible], colors)
    return picture


def _outline(picture: Image.Image, boxes: Sequence[Box], things: Sequence[DrawnThing]) -> None:
    """Boxes with lines that are seen when the page shows the picture smaller than it is; the first ones on top."""
    canvas = ImageDraw.Draw(picture)
    for box, thing in zip(reversed(boxes), reversed(things), strict=True):
        line = _FOCUS_LINE if thing.focus else _LINE
        inner = [
            round(box[0]),
            round(box[1]),
            max(round(box[0]), round(box[2]) - 1),
            max(round(box[1]), round(box[3]) - 1),
        ]
        outer = [
            max(-1, inner[0] - line - 1),
            max(-1, inner[1] - line - 1),
            min(picture.width, inner[2] + line + 1),
            min(picture.height, inner[3] + line + 1),
        ]
        canvas.rectangle(outer, outline=rim_color(parse_hex(thing.color)), width=line + 2)
        canvas.rectangle([outer[0] + 1, outer[1] + 1, outer[2] - 1, outer[3] - 1], outline=thing.color, width=line)


def _label(picture: Image.Image, boxes: Sequence[Box], texts: Sequence[str], colors: Sequence[str]) -> None:
    """Write labels that can be read when the page shows the picture smaller than it is; the first ones have room."""
    plates = [fit_plate([text], *picture.size, share=_LABEL_SHARE, scale=_LABEL_SCALE) for text in texts[:_MOST_LABELS]]
    variants = [[] if plate is None else [plate] for plate in plates]
    canvas = ImageDraw.Draw(picture)
    for placed, color in zip(place_labels(variants, boxes[: len(variants)], (), *picture.size), colors, strict=False):
        if placed is not None:
            ink = parse_hex(color)
            placed.plate.draw(canvas, placed.x, placed.y, fill=ink, ink=text_color(ink))


def _moved(box: Box, window: tuple[int, int, int, int], scale: float) -> Box:
    """A box in pixels of the cut; its parts beyond are cut off."""
    left, top, right, bottom = window
    x0, x1 = (min(max(value, left), right) - left for value in (box[0], box[2]))
    y0, y1 = (min(max(value, top), bottom) - top for value in (box[1], box[3]))
    return x0 * scale, y0 * scale, x1 * scale, y1 * scale


def _legend(picture: Image.Image, lines: Sequence[tuple[str, str]]) -> None:
    """Lines of text on plates of their colours, from the upper left downwards, as many as have room."""
    canvas = ImageDraw.Draw(picture)
    top = 4
    for text, color in lines[:_MOST_LABELS]:
        plate = fit_plate([text], *picture.size, share=_LABEL_SHARE, scale=_LABEL_SCALE)
        if plate is None or top + plate.height > picture.height:
            return
        ink = parse_hex(color)
        plate.draw(canvas, 4, top, fill=ink, ink=text_color(ink))
        top += plate.height + 3


def _encoded(picture: Image.Image) -> bytes:
    return jpeg_bytes(np.asarray(picture), _QUALITY)
