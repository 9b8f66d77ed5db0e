"""Curves of a figure over the levels of a transformation, as inline SVG."""

from __future__ import annotations

from belvedere.data.transformations import LEVELS
from belvedere.evaluation import svg
from belvedere.evaluation.robustness_report import RobustnessReport

_LEFT, _TOP, _WIDTH, _HEIGHT = 38.0, 10.0, 210.0, 104.0
_TOPS = (0.1, 0.2, 0.5, 1.0)


def robustness_chart(report: RobustnessReport, name: str) -> str | None:
    """The figure from the picture as it is (level 0) on; the band is where the first one plausibly lies.

    None where the figure is not defined anywhere.
    """
    points = report.curve(name)
    if not points:
        return None
    every = [value for one in report.names for _, value in report.curve(one)]
    highest = max(*every, 0.0 if report.interval is None else report.interval.high, 1e-6)
    top = next((limit for limit in _TOPS if highest <= limit + 1e-9), highest)

    def at(level: float, value: float) -> tuple[float, float]:
        return _LEFT + _WIDTH * level / LEVELS, _TOP + _HEIGHT * (1 - min(max(value, 0.0), top) / top)

    parts = []
    for share in (0.0, 0.5, 1.0):
        _, y = at(0, share * top)
        parts.append(svg.line(_LEFT, y, _LEFT + _WIDTH, y, "grid"))
        parts.append(svg.text(_LEFT - 6, y + 4, f"{share * top:g}", "tick end"))
    for level in range(LEVELS + 1):
        x, bottom = at(level, 0)
        parts.append(svg.text(x, bottom + 15, str(level) if level else "as is", "tick middle"))
    if report.interval is not None:
        _, high = at(0, report.interval.high)
        _, low = at(0, report.interval.low)
        parts.append(svg.rect(_LEFT, high, _WIDTH, max(low - high, 1.0), "area"))
    if points[0][0] == 0:
        parts.append(svg.line(*at(0, points[0][1]), *at(LEVELS, points[0][1]), "reference"))
    if len(points) > 1:
        parts.append(svg.path([at(*point) for point in points], "curve"))
    parts += [svg.circle(*at(*point), 3.4, "dot") for point in points]
    shown = ", ".join(f"{value:.3f} at level {level}" for level, value in points)
    return svg.picture(_LEFT + _WIDTH + 14, _TOP + _HEIGHT + 22, f"{report.metric} under {name}: {shown}.", parts)
