"""The few SVG shapes that charts need, as text; colours come from the page's style sheet by class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


def number(value: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """A straight line."""
    ends = f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
    return f'<line {ends} class="{style}"/>'


def rect(x: float, y: float, width: float, height: float, style: str, tip: str = "") -> str:
    """A rectangle, with a tool tip where ``tip`` is given."""
    title = f"<title>{escape(tip)}</title>" if tip else ""
    sides = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f'<rect {sides} class="{style}">{title}</rect>'


def circle(x: float, y: float, radius: float, style: str) -> str:
    """A disc."""
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" class="{style}"/>'


def path(points: Iterable[tuple[float, float]], style: str) -> str:
    """Straight lines through points."""
    steps = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    return f'<path d="M{steps}" class="{style}"/>'


def text(x: float, y: float, content: str, style: str) -> str:
    """A piece of text; its anchor is in the style."""
    return f'<text x="{number(x)}" y="{number(y)}" class="{style}">{escape(content)}</text>'


def picture(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    """A whole SVG that scales with its column; ``title`` says in words what it shows."""
    return (
        f'<svg viewBox="0 0 {number(width)} {number(height)}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


@dataclass(frozen=True)
class Plot:
    """A rectangle for data, both axes running from 0 to 1, inside an SVG.

    Attributes:
        left, top: Its corner in SVG units.
        width, height: Its size.
    """

    left: float = 46
    top: float = 12
    width: float = 300
    height: float = 250

    def at(self, x: float, y: float) -> tuple[float, float]:
        """SVG coordinates of a data point."""
        return self.left + x * self.width, self.top + (1 - y) * self.height

    def grid(self, x_label: str, y_label: str) -> list[str]:
        """Grid lines every fifth, with percentages and axis labels."""
        parts = []
        for fifth in range(6):
            share = fifth / 5
            x, y = self.at(share, share)
            bottom, right = self.top + self.height, self.left + self.width
            parts.append(line(x, self.top, x, bottom, "grid"))
            parts.append(line(self.left, y, right, y, "grid"))
            parts.append(text(x, bottom + 16, f"{20 * fifth} %", "tick middle"))
            parts.append(text(self.left - 7, y + 4, f"{20 * fifth}", "tick end"))
        parts.append(text(self.left + self.width / 2, self.top + self.height + 36, x_label, "axis middle"))
        middle = self.top + self.height / 2
        parts.append(
            f'<text transform="translate(12 {number(middle)}) rotate(-90)" class="axis middle">{escape(y_label)}</text>'
        )
        return parts
