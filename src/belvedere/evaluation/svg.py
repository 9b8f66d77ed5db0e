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


def rect(
    x: float, y: float, width: float, height: float, style: str, tip: str = "", opacity: float | None = None
) -> str:
    """A rectangle, with a tool tip where ``tip`` is given."""
    sides = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    faint = "" if opacity is None else f' fill-opacity="{number(opacity)}"'
    return f'<rect {sides} class="{style}"{faint}>{_tip(tip)}</rect>'


def circle(x: float, y: float, radius: float, style: str) -> str:
    """A disc."""
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" class="{style}"/>'


def path(points: Iterable[tuple[float, float]], style: str, tip: str = "") -> str:
    """Straight lines through points, with a tool tip where ``tip`` is given."""
    steps = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    return f'<path d="M{steps}" class="{style}">{_tip(tip)}</path>' if tip else f'<path d="M{steps}" class="{style}"/>'


def text(x: float, y: float, content: str, style: str) -> str:
    """A piece of text; its anchor is in the style."""
    return f'<text x="{number(x)}" y="{number(y)}" class="{style}">{escape(content)}</text>'


def turned(x: float, y: float, degrees: float, content: str, style: str) -> str:
    """A piece of text that is turned around its anchor."""
    at = f'transform="translate({number(x)} {number(y)}) rotate({number(degrees)})"'
    return f'<text {at} class="{style}">{escape(content)}</text>'


def picture(width: float, height: float, title: str, parts: Sequence[str], most: float | None = None) -> str:
    """A whole SVG that scales with its column, maybe up to a width; ``title`` says in words what it shows."""
    bound = "" if most is None else f' style="max-width:{number(most)}px"'
    return (
        f'<svg viewBox="0 0 {number(width)} {number(height)}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg"{bound}>{"".join(parts)}</svg>'
    )


def _tip(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""


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

    def grid(self, x_label: str, y_label: str, *, x_shares: bool = True) -> list[str]:
        """Grid lines every fifth, with percentages (or numbers, for x that is no share) and axis labels."""
        parts = []
        for fifth in range(6):
            share = fifth / 5
            x, y = self.at(share, share)
            bottom, right = self.top + self.height, self.left + self.width
            parts.append(line(x, self.top, x, bottom, "grid"))
            parts.append(line(self.left, y, right, y, "grid"))
            parts.append(text(x, bottom + 16, f"{20 * fifth} %" if x_shares else f"{share:g}", "tick middle"))
            parts.append(text(self.left - 7, y + 4, f"{20 * fifth}", "tick end"))
        parts.append(text(self.left + self.width / 2, self.top + self.height + 36, x_label, "axis middle"))
        middle = self.top + self.height / 2
        parts.append(
            f'<text transform="translate(12 {number(middle)}) rotate(-90)" class="axis middle">{escape(y_label)}</text>'
        )
        return parts


def meter(share: float) -> str:
    """A short bar that is filled up to a share, for tables."""
    parts = [rect(0, 0, 60, 6, "scale"), rect(0, 0, 60 * min(max(share, 0.0), 1.0), 6, "filled")]
    return picture(60, 6, "", parts).replace('role="img" aria-label=""', 'aria-hidden="true" class="bar-of"')
