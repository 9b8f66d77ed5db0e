"""Several pictures on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_GAP = 8


def contact_sheet(pictures: Sequence[Image.Image], *, columns: int, width: int) -> bytes:
    """Lay pictures out in rows on white, each as wide as its column, and encode the sheet as PNG.

    Args:
        pictures: At least one; a row is as high as its highest picture.
        columns: Pictures in a row, at least 1.
        width: Width of the sheet in pixels.

    Returns:
        A PNG with a palette of 256 colours: small, and good enough to look at.
    """
    import io

    from PIL import Image

    columns = min(columns, len(pictures))
    edge = (width - _GAP * (columns - 1)) // columns
    scaled = [
        picture.resize((edge, max(1, round(picture.height * edge / picture.width))), Image.Resampling.LANCZOS)
        for picture in pictures
    ]
    rows = [scaled[start : start + columns] for start in range(0, len(scaled), columns)]
    heights = [max(picture.height for picture in row) for row in rows]
    sheet = Image.new("RGB", (width, sum(heights) + _GAP * (len(rows) - 1)), "white")
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, picture in enumerate(row):
            sheet.paste(picture, (column * (edge + _GAP), top))
        top += height + _GAP
    stream = io.BytesIO()
    sheet.quantize(256, method=Image.Quantize.MEDIANCUT).save(stream, format="PNG", optimize=True)
    return stream.getvalue()
