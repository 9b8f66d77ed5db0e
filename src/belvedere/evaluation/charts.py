"""The report's charts as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from belvedere.evaluation import svg
from belvedere.evaluation.report import PictureRow, Report
from belvedere.evaluation.wording import percent
from belvedere.tasks.anomaly.intervals import Interval
from belvedere.tasks.anomaly.metrics import Curve

_MOST_POINTS = 600
_BINS = 36


def roc_chart(report: Report) -> str | None:
    """ROC curve with the operating point; None where a class is missing."""
    rate, recall = report.confusion.false_alarm_rate, report.confusion.recall
    if report.roc is None or rate is None or recall is None:
        return None
    plot = svg.Plot()
    points = [plot.at(x, y) for x, y in _thinned(report.roc)]
    parts = plot.grid("good parts stopped (false alarms)", "defective parts found, %")
    parts.append(svg.line(*plot.at(0, 0), *plot.at(1, 1), "reference"))
    parts.append(svg.path([plot.at(0, 0), *points, plot.at(1, 0)], "area"))
    parts.append(svg.path(points, "curve"))
    parts += _operating_point(plot, rate, recall, report.threshold)
    title = f"ROC curve. At the threshold {percent(recall)} of defects are found at {percent(rate)} false alarms."
    return svg.picture(370, 304, title, parts)


def precision_recall_chart(report: Report) -> str | None:
    """Precision-recall curve with the operating point; None where a class is missing."""
    precision, recall = report.confusion.precision, report.confusion.recall
    if report.precision_recall is None:
        return None
    plot = svg.Plot()
    points = [plot.at(x, y) for x, y in _thinned(report.precision_recall)]
    base = report.counts.anomalous / report.counts.pictures
    parts = plot.grid("defective parts found", "stopped parts that are defective, %")
    parts.append(svg.line(*plot.at(0, base), *plot.at(1, base), "reference"))
    parts.append(svg.path([plot.at(0, 0), *points, plot.at(1, 0)], "area"))
    parts.append(svg.path(points, "curve"))
    if precision is not None and recall is not None:
        parts += _operating_point(plot, recall, precision, report.threshold)
    title = f"Precision-recall curve. At the threshold precision is {percent(precision)}, recall {percent(recall)}."
    return svg.picture(370, 304, title, parts)


def score_chart(report: Report) -> str:
    """Histograms of the scores, normal above and anomalous below, with the threshold through both."""
    width, band, gap = 700.0, 92.0, 40.0
    left, right = 46.0, 12.0
    span = width - left - right
    parts = []
    bands: list[tuple[str, str, list[PictureRow]]] = [
        (label, word, [row for row in report.pictures if row.label == label])
        for label, word in (("normal", "good"), ("anomaly", "defective"))
    ]
    bands = [band_ for band_ in bands if band_[2]]
    bottom = 26.0
    for label, word, rows in bands:
        base = bottom + band
        parts += _bars(rows, report.threshold, label, left, base, span, band - 18)
        parts.append(svg.line(left, base, left + span, base, "base"))
        parts.append(svg.text(left, base - band + 12, f"{len(rows)} {word}", f"band {label}"))
        bottom = base + gap
    floor = bottom - gap
    for tenth in range(0, 11, 2):
        parts.append(svg.text(left + span * tenth / 10, floor + 16, f"{tenth / 10:g}", "tick middle"))
    parts.append(svg.text(left + span / 2, floor + 36, "score", "axis middle"))
    cut = left + span * report.threshold
    parts.append(svg.line(cut, 21, cut, floor, "threshold"))
    anchor = "end" if report.threshold > 0.8 else "start" if report.threshold < 0.2 else "middle"
    parts.append(svg.text(cut, 15, f"stopped from {report.threshold:.2f} on →", f"mark {anchor}"))
    return svg.picture(width, floor + 44, "Histogram of scores for good and defective pictures.", parts)


def interval_bar(value: float | None, interval: Interval | None) -> str:
    """A thin scale from 0 to 1 with the interval as a band and the value as a dot."""
    left, span = 4.0, 192.0
    parts = [svg.rect(0, 5, 200, 2, "scale")]
    if interval is not None:
        wide = max(2.0, span * (interval.high - interval.low))
        parts.append(svg.rect(left + span * interval.low, 2.5, wide, 7, "range"))
    if value is not None:
        parts.append(svg.circle(left + span * value, 6, 4, "dot"))
    return svg.picture(200, 12, "", parts).replace('role="img" aria-label=""', 'aria-hidden="true"')


def _operating_point(plot: svg.Plot, x: float, y: float, threshold: float) -> list[str]:
    left, top = plot.at(x, y)
    to_left = x > 0.6
    label_x, label_y = left + (-11 if to_left else 11), top + (18 if y > 0.15 else -10)
    anchor = "end" if to_left else "start"
    return [
        svg.circle(left, top, 6, "point"),
        svg.text(label_x, label_y, f"threshold {threshold:.2f}", f"mark {anchor}"),
    ]


def _bars(
    rows: Sequence[PictureRow],
    threshold: float,
    label: str,
    left: float,
    base: float,
    span: float,
    height: float,
) -> list[str]:
    """Bars of equal width whose edges meet at the threshold; those on the wrong side are filled."""
    width = 1 / _BINS
    places = [_bin(row, threshold, width) for row in rows]
    counts = {place: places.count(place) for place in sorted(set(places))}
    most = max(counts.values())
    bars = []
    for place, count in counts.items():
        low, high = max(0.0, threshold + place * width), min(1.0, threshold + (place + 1) * width)
        wrong = (place >= 0) != (label == "anomaly")
        style = f"bar {label} wrong" if wrong else f"bar {label}"
        tall = max(2.0, height * count / most)
        tip = f"{count} with a score from {low:.2f} to {high:.2f}"
        wide = max(1.5, span * (high - low) - 1.5)
        bars.append(svg.rect(left + span * low + 0.75, base - tall, wide, tall, style, tip))
    bars.append(svg.text(left - 7, base - height + 4, str(most), "tick end"))
    bars.append(svg.text(left - 7, base + 4, "0", "tick end"))
    return bars


def _bin(row: PictureRow, threshold: float, width: float) -> int:
    """Bin number from the threshold upwards; rounding must not put a verdict on the other side."""
    place = int(np.floor((min(max(row.score, 0.0), 1.0 - 1e-9) - threshold) / width))
    return max(place, 0) if row.is_anomalous else min(place, -1)


def _thinned(curve: Curve) -> list[tuple[float, float]]:
    """At most some hundred points of a curve, the ends among them."""
    count = len(curve.x)
    chosen: NDArray[np.int64] = np.unique(np.linspace(0, count - 1, min(count, _MOST_POINTS)).round().astype(int))
    return list(zip(curve.x[chosen].tolist(), curve.y[chosen].tolist(), strict=True))
