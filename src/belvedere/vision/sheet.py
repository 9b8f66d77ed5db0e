"""Many pictures on one sheet: rows that fill the width, a strip with words under each picture, a heading above all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from belvedere.vision.colors import parse_hex

_PAPER, _INK, _GREY, _LINE = (255, 255, 255), (24, 24, 27), (113, 113, 122), (228, 228, 231)
_GAP, _MARGIN = 14, 28
_TITLE, _TEXT, _NAME = 30, 15, 12
_STRIP = 42
_CHIP = 26


@dataclass(frozen=True)
class Tile:
    """Where a picture goes on the sheet, in pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Strip:
    """The words under a picture.

    Attributes:
        text: The first line; shortened where it has no room.
        name: The second line, smaller and grey.
        colors: Dots before the first line, ``#RRGGBB`` each.
    """

    text: str
    name: str
    colors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Heading:
    """What stands above the pictures.

    Attributes:
        title: In large letters.
        text: One line below it, grey.
        chips: Text and ``#RRGGBB`` of each class.
    """

    title: str
    text: str
    chips: tuple[tuple[str, str], ...] = ()


def arrange(sizes: Sequence[tuple[int, int]], width: int, row_height: int) -> list[Tile]:
    """Lay pictures out in rows that fill the width, each row as high as makes it fit.

    Args:
        sizes: Width and height of each picture in pixels.
        width: Width of the sheet.
        row_height: About how high a row shall be.

    Returns:
        The place of each picture below a heading of no height. Very long ones get room of 4 to 1, very narrow ones of
        0.45 to 1.
    """
    inner = width - 2 * _MARGIN
    aspects = [min(4.0, max(0.45, wide / high)) for wide, high in sizes]
    tiles: list[Tile] = []
    top = 0
    start = 0
    while start < len(aspects):
        end = start + 1
        while end < len(aspects) and sum(aspects[start:end]) * row_height + _GAP * (end - start - 1) < inner:
            end += 1
        row = aspects[start:end]
        room = inner - _GAP * (len(row) - 1)
        # The last row is not blown up to fill the width.
        height = min(room / sum(row), row_height * (1.35 if end < len(aspects) else 1.0))
        left = float(_MARGIN)
        for aspect in row:
            tiles.append(Tile(round(left), top, max(1, round(aspect * height)), max(1, round(height))))
            left += aspect * height + _GAP
        top += round(height) + _STRIP + _GAP
        start = end
    return tiles


def make_sheet(
    tiles: Sequence[Tile], pictures: Sequence[Image.Image], strips: Sequence[Strip], heading: Heading, width: int
) -> Image.Image:
    """Put pictures, their strips and the heading on a sheet.

    Args:
        tiles: From `arrange`.
        pictures: One a tile, RGB; centred in their tile.
        strips: One a tile.
        heading: What stands above.
        width: Width of the sheet, as `arrange` had it.

    Returns:
        An RGB picture.
    """
    chips = _wrap_chips(heading.chips, width - 2 * _MARGIN)
    top = _MARGIN + round(1.4 * _TITLE) + round(1.7 * _TEXT) + (_CHIP + 6) * len(chips) + _GAP
    bottom = max((tile.y + tile.height + _STRIP for tile in tiles), default=0)
    sheet = Image.new("RGB", (width, top + bottom + _MARGIN), _PAPER)
    canvas = ImageDraw.Draw(sheet)
    canvas.text((_MARGIN, _MARGIN - 6), _fit(heading.title, _TITLE, width - 2 * _MARGIN), fill=_INK, font=_font(_TITLE))
    y = _MARGIN + round(1.4 * _TITLE)
    canvas.text((_MARGIN, y - 4), _fit(heading.text, _TEXT, width - 2 * _MARGIN), fill=_GREY, font=_font(_TEXT))
    y += round(1.7 * _TEXT)
    for row in chips:
        _draw_chips(canvas, row, y)
        y += _CHIP + 6
    for tile, picture, strip in zip(tiles, pictures, strips, strict=True):
        x, y = tile.x, tile.y + top
        canvas.rectangle((x - 1, y - 1, x + tile.width, y + tile.height), fill=(244, 244, 245), outline=_LINE)
        sheet.paste(picture, (x + (tile.width - picture.width) // 2, y + (tile.height - picture.height) // 2))
        _draw_strip(canvas, strip, x, y + tile.height, tile.width)
    return sheet


def _draw_strip(canvas: ImageDraw.ImageDraw, strip: Strip, x: int, y: int, width: int) -> None:
    left = x
    for color in strip.colors[:6]:
        canvas.ellipse((left, y + 9, left + 9, y + 18), fill=parse_hex(color))
        left += 13
    room = width - (left - x)
    canvas.text((left + (2 if strip.colors else 0), y + 4), _fit(strip.text, _TEXT, room), fill=_INK, font=_font(_TEXT))
    canvas.text((x, y + 23), _fit(strip.name, _NAME, width, keep_end=True), fill=_GREY, font=_font(_NAME))


def _wrap_chips(chips: Sequence[tuple[str, str]], width: int) -> list[list[tuple[int, str, str]]]:
    """Rows of (left, text, colour), three at most; what has no room is counted on the last."""
    rows: list[list[tuple[int, str, str]]] = [[]]
    left = _MARGIN
    for number, (text, color) in enumerate(chips):
        wide = _width(text, _TEXT) + 34
        if left + wide > _MARGIN + width and rows[-1]:
            if len(rows) == 3:
                rows[-1][-1] = (rows[-1][-1][0], f"and {len(chips) - number + 1} more", "#A1A1AA")
                break
            rows.append([])
            left = _MARGIN
        rows[-1].append((left, text, color))
        left += round(wide)
    return rows if chips else []


def _draw_chips(canvas: ImageDraw.ImageDraw, row: Sequence[tuple[int, str, str]], y: int) -> None:
    for left, text, color in row:
        canvas.rounded_rectangle((left, y + 4, left + 14, y + 18), radius=4, fill=parse_hex(color))
        canvas.text((left + 20, y + 2), text, fill=_INK, font=_font(_TEXT))


def _fit(text: str, size: int, width: float, *, keep_end: bool = False) -> str:
    """The text, or as much of its beginning (or end) as has room."""
    text = " ".join(text.split())
    if _width(text, size) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        shown = f"…{text[-middle:]}" if keep_end else f"{text[:middle]}…"
        low, high = (middle, high) if _width(shown, size) <= width else (low, middle - 1)
    if not low:
        return ""
    return f"…{text[-low:]}" if keep_end else f"{text[:low].rstrip(' ,')}…"


def _width(text: str, size: int) -> float:
    return float(_font(size).getlength(text))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
