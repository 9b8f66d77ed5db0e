"""Lines of text on plates of their own, placed so that they can be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import ImageDraw, ImageFont

Color = tuple[int, int, int]
BoxXYXY = tuple[float, float, float, float]

_SMALLEST_FONT = 9
_WHITE, _INK = (255, 255, 255), (17, 17, 17)


def line_width(width: int, height: int) -> int:
    """Width of lines in pixels for a picture of this size."""
    return max(1, round(min(width, height) / 220))


def font_size(width: int, height: int) -> int:
    """Font size in pixels for a picture of this size, before a text has to fit in."""
    return max(11, round(0.034 * math.sqrt(width * height)))


def text_color(plate: Color) -> Color:
    """White or near-black, whichever stands out more from ``plate`` (contrast ratio of WCAG 2.1)."""
    light = _luminance(plate)
    on_white, on_ink = 1.05 / (light + 0.05), (light + 0.05) / (_luminance(_INK) + 0.05)
    return _WHITE if on_white >= on_ink else _INK


@dataclass(frozen=True)
class Plate:
    """A line of text that was measured.

    Attributes:
        text: The text.
        font: Its font.
        width: Width of the plate in pixels, padding included.
        height: Its height.
        padding: Free pixels around the text.
        top: Where the font's line begins above the plate's text area.
    """

    text: str
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont
    width: int
    height: int
    padding: int
    top: float

    def draw(
        self,
        canvas: ImageDraw.ImageDraw,
        x: int,
        y: int,
        fill: Color,
        ink: Color,
        rim: Color | None = None,
    ) -> None:
        """Draw plate and text with the upper left corner at ``x``, ``y``."""
        box = (x, y, x + self.width - 1, y + self.height - 1)
        canvas.rounded_rectangle(box, radius=self.padding, fill=fill, outline=rim, width=max(1, self.padding // 2))
        canvas.text((x + self.padding * 1.5, y + self.padding - self.top), self.text, fill=ink, font=self.font)

    def xyxy(self, x: int, y: int) -> BoxXYXY:
        """The plate's box with the upper left corner at ``x``, ``y``."""
        return x, y, x + self.width, y + self.height


def fit_plate(texts: Sequence[str], width: int, height: int, *, share: float, scale: float = 1.0) -> Plate | None:
    """Measure the first of ``texts`` that fits into a picture of this size, in a smaller font if need be.

    Args:
        texts: The text, then shorter ones that may stand for it.
        width: Width of the picture in pixels.
        height: Its height.
        share: Most of the picture that the plate may cover, 0..1.
        scale: Factor on the picture's font size.

    Returns:
        The plate, or None where not even the last text fits in the smallest legible font.
    """
    wanted = max(_SMALLEST_FONT, round(font_size(width, height) * scale))
    for text in texts:
        plate = _measure(text, wanted)
        if plate.width > width or plate.height > height:
            shrunk = wanted * min(0.98 * width / plate.width, 0.98 * height / plate.height)
            plate = _measure(text, max(_SMALLEST_FONT, int(shrunk)))
        fits = plate.width <= width and plate.height <= height
        if fits and plate.width * plate.height <= share * width * height:
            return plate
    return None


def place_in_corner(plate: Plate, avoid: Sequence[BoxXYXY], width: int, height: int, margin: int) -> tuple[int, int]:
    """The corner of the picture where the plate covers least of ``avoid``; upper left if all are equal."""
    right, bottom = width - plate.width, height - plate.height
    near_x, near_y = max(0, min(margin, right)), max(0, min(margin, bottom))
    corners = (
        (near_x, near_y),
        (near_x, max(0, bottom - margin)),
        (max(0, right - margin), near_y),
        (max(0, right - margin), max(0, bottom - margin)),
    )

    def covered(corner: tuple[int, int]) -> float:
        x, y = corner
        return sum(_overlap((x, y, x + plate.width, y + plate.height), other) for other in avoid)

    return min(corners, key=covered)


def _measure(text: str, size: int) -> Plate:
    font = ImageFont.load_default(size)
    text = " ".join(text.split())
    _, top, _, bottom = font.getbbox("Hg")
    left, _, right, _ = font.getbbox(text)
    padding = max(2, round(size * 0.3))
    return Plate(
        text=text,
        font=font,
        width=round(right - left) + 3 * padding,
        height=round(bottom - top) + 2 * padding,
        padding=padding,
        top=top,
    )


def _overlap(first: BoxXYXY, second: BoxXYXY) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(0.0, width) * max(0.0, height)


def _luminance(color: Color) -> float:
    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    red, green, blue = map(linear, color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
