"""Tables as lines of text."""

from __future__ import annotations

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str] | None = None) -> list[str]:
    """Lay out rows in aligned columns, two spaces between them."""
    every = [list(header), *map(list, rows)] if header else [list(row) for row in rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(every[0]))] if every else []
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in every]
    if header:
        lines.insert(1, "  ".join("-" * width for width in widths))
    return lines
