"""The colours of VOC's segmentation masks, and the ``labelmap.txt`` that annotation tools put beside other classes'."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from belvedere.core.errors import DatasetError

VOID = "#E0E0C0"
"""The colour of borders between objects, which nobody judges."""

LABELMAP = "labelmap.txt"
_MOST_LINES = 1000


@cache
def voc_color(index: int) -> str:
    """The colour ``#RRGGBB`` of index 0..255 in VOC's palette: its bits are dealt out to red, green and blue."""
    channels = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            channels[channel] |= (index >> (3 * bit + channel) & 1) << (7 - bit)
    return "#{:02X}{:02X}{:02X}".format(*channels)


def parse_labelmap(text: str, name: str) -> list[tuple[str, str]]:
    """Read lines of ``label:r,g,b:parts:actions`` (the form of CVAT's VOC export).

    Returns:
        Pairs of label and ``#RRGGBB``.

    Raises:
        DatasetError: a line of another form; with its number.
    """
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if len(pairs) == _MOST_LINES:
            raise DatasetError(f"{name}:{number}: more than {_MOST_LINES} labels")
        label, _, rest = line.partition(":")
        numbers = [one.strip() for one in rest.partition(":")[0].split(",")]
        if not label or len(numbers) != 3 or not all(one.isdecimal() and int(one) < 256 for one in numbers):
            raise DatasetError(f"{name}:{number}: expected label:red,green,blue:: with numbers up to 255")
        pairs.append((label, "#{:02X}{:02X}{:02X}".format(*map(int, numbers))))
    return pairs


def labelmap_text(classes: Sequence[str], background: str = "background") -> str:
    """The text of a ``labelmap.txt``: background is black, the classes have VOC's colours from index 1 on."""
    lines = ["# label:color_rgb:parts:actions"]
    for index, name in enumerate((background, *classes)):
        code = voc_color(index)
        lines.append(f"{name}:{int(code[1:3], 16)},{int(code[3:5], 16)},{int(code[5:7], 16)}::")
    return "\n".join(lines) + "\n"
