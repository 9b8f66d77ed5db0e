"""The charts of a report on a task as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from belvedere.evaluation import svg
from belvedere.evaluation.task_parts import ConfusionTable, ScoreCurve
from belvedere.evaluation.task_report import TaskReport
from belvedere.evaluation.words import ERROR_TITLES, clipped

_MOST_FAINT = 40
MOST_CONFUSED = 30
"""Classes in the confusion matrix: more of them cannot be read."""

_MOST_PAIRS = 20


def precision_recall_chart(curves: Mapping[str, ScoreCurve]) -> str | None:
    """Precision over recall: one faint line a class, their mean in bold; None without curves."""
    if not curves:
        return None
    plot = svg.Plot()
    parts = plot.grid("marked things found (recall)", "found things that are right, %")
    for name, curve in list(curves.items())[:_MOST_FAINT] if len(curves) > 1 else ():
        parts.append(svg.path(_points(plot, curve.x, curve.y), "faint", tip=name))
    mean = np.mean([curve.y for curve in curves.values()], axis=0)
    recalls = next(iter(curves.values())).x
    points = _points(plot, recalls, mean)
    parts.append(svg.path([plot.at(0, 0), *points, plot.at(1, 0)], "area"))
    parts.append(svg.path(points, "curve"))
    return svg.picture(370, 304, "Precision over recall of each class, and their mean.", parts)


def threshold_chart(report: TaskReport) -> str | None:
    """Precision, recall and F1 over the threshold, with the model's own; None without a threshold."""
    sweep, own = report.sweep, report.threshold
    if sweep is None:
        return None
    plot = svg.Plot()
    parts = plot.grid("threshold on the score", "share, %", x_shares=False)
    for values, style in ((sweep.precision, "precision"), (sweep.recall, "recall"), (sweep.f1, "curve")):
        # Between two scores nothing changes: a threshold just above one gives what the next gives.
        x = np.concatenate([[0.0], sweep.scores])
        y = np.concatenate([values[:1], values])
        parts.append(svg.path(_points(plot, x, y), style))
    ends = (("precision", "precision", sweep.precision), ("recall", "recall", sweep.recall), ("F1", "f1", sweep.f1))
    parts += _line_labels(plot, sweep.scores, ends)
    if own is not None:
        at, top = plot.at(own, 1)
        parts.append(svg.line(at, top, at, plot.at(own, 0)[1], "threshold"))
        side = "end" if own > 0.6 else "start"
        parts.append(svg.text(at + (-6 if side == "end" else 6), top + 13, f"model's {own:g}", f"mark {side}"))
    best = int(sweep.f1.argmax())
    parts.append(svg.circle(*plot.at(float(sweep.scores[best]), float(sweep.f1[best])), 5, "point"))
    title = f"Precision, recall and F1 over the threshold; F1 is highest at {sweep.scores[best]:.2f}."
    return svg.picture(370, 304, title, parts)


def calibration_chart(report: TaskReport) -> str | None:
    """Share of right ones in ranges of score (a reliability diagram); None where scores are no probabilities."""
    found = report.calibration
    if found is None:
        return None
    plot = svg.Plot()
    parts = plot.grid("score", "right, %", x_shares=False)
    parts.append(svg.line(*plot.at(0, 0), *plot.at(1, 1), "reference"))
    edges = found.edges.tolist()
    most = int(found.counts.max())
    for low, high, count, right, sure in zip(
        edges[:-1], edges[1:], found.counts.tolist(), found.accuracy.tolist(), found.confidence.tolist(), strict=True
    ):
        if not count:
            continue
        left, top = plot.at(low, right)
        wide, tall = (high - low) * plot.width - 2, right * plot.height
        tip = f"{count} with a score from {low:.2f} to {high:.2f}: {right:.1%} right, mean score {sure:.2f}"
        parts.append(svg.rect(left + 1, top, wide, max(tall, 1.5), "bar normal", tip))
        weight = 2 + 4 * (count / most) ** 0.5
        parts.append(svg.circle(*plot.at(sure, right), weight, "point"))
    return svg.picture(370, 304, f"Reliability of scores; expected calibration error {found.ece:.3f}.", parts)


def error_chart(report: TaskReport) -> str | None:
    """Bars of the kinds of mistakes; None for tasks without."""
    errors = report.errors
    if errors is None:
        return None
    rows = [(ERROR_TITLES[kind], errors.counts.get(kind, 0)) for kind in ERROR_TITLES]
    if len(report.per_class) < 2:  # there is no class to be taken for
        rows = [row for row in rows if row[0] not in (ERROR_TITLES["class"], ERROR_TITLES["both"])]
    most = max(1, *(count for _, count in rows))
    left, height, width = 164.0, 30.0, 384.0
    span = width - left - 48
    parts = []
    for place, (name, count) in enumerate(rows):
        top = 8 + place * height
        parts.append(svg.text(left - 10, top + 15, name, "label end"))
        parts.append(
            svg.rect(left, top + 1, max(1.5, span * count / most), 19, "bar anomaly wrong" if count else "scale")
        )
        parts.append(svg.text(left + span * count / most + 8, top + 15, str(count), "label start strong"))
    title = "Mistakes: " + ", ".join(f"{count} {name}" for name, count in rows)
    return svg.picture(width, 12 + len(rows) * height, title, parts, most=1.3 * width)


def confusion_chart(table: ConfusionTable) -> str | None:
    """The confusion matrix as shaded cells; None without any pair, or with more classes than can be read."""
    size = len(table.names)
    chosen = np.flatnonzero(table.counts[:size].any(axis=1) | table.counts[:, :size].any(axis=0)).tolist()
    if not chosen or len(chosen) > MOST_CONFUSED:
        return None
    nothing = bool(table.counts[-1].any() or table.counts[:, -1].any())
    places = [*chosen, size] if nothing else chosen
    counts = table.counts[np.ix_(places, places)].astype(np.float64)
    names = [table.names[place] for place in chosen]
    shares = counts / np.maximum(counts.sum(axis=1), 1)[:, None]
    if nothing:  # nothing was there, so no sum of its row means anything
        shares[-1] = counts[-1] / max(1.0, float(counts[-1].max()))
    columns = [*names, "missed"] if nothing else names
    rows = [*names, "nothing there"] if nothing else names
    return _matrix(rows, columns, counts, shares, table.unit)


def confused_pairs(table: ConfusionTable) -> list[tuple[str, str, int]]:
    """The most frequent mistakes: what is there, what was said, how often."""
    wrong = [pair for pair in table.to_rows() if pair["true"] != pair["found"]]
    return [(pair["true"] or "nothing", pair["found"] or "nothing", pair["count"]) for pair in wrong[:_MOST_PAIRS]]


def sparkline(curve: ScoreCurve) -> str:
    """A small precision-recall curve for a table."""
    points = [(1 + 58 * x, 1 + 18 * (1 - y)) for x, y in zip(curve.x[::4].tolist(), curve.y[::4].tolist(), strict=True)]
    parts = [svg.path([(1, 19), *points, (59, 19)], "area"), svg.path(points, "thin")]
    return svg.picture(60, 20, "", parts).replace('role="img" aria-label=""', 'aria-hidden="true" class="spark"')


def _matrix(
    rows: Sequence[str], columns: Sequence[str], counts: NDArray[np.float64], shares: NDArray[np.float64], unit: str
) -> str:
    longest = max(len(name) for name in (*rows, *columns))
    cell = 46.0 if len(rows) <= 10 else 34.0 if len(rows) <= 16 else 27.0
    left = min(170.0, 18 + 6.6 * min(longest, 22))
    top = min(130.0, 16 + 4.8 * min(longest, 22))
    total = int(counts.sum())
    parts = []
    for y, name in enumerate(rows):
        parts.append(svg.text(left - 7, top + cell * (y + 0.5) + 4, clipped(name, 22), "tick end"))
    for x, name in enumerate(columns):
        at = left + cell * (x + 0.5), top - 7
        parts.append(svg.turned(*at, -40, clipped(name, 22), "tick start"))
    for y, x in np.argwhere(counts > 0).tolist():
        count, share = int(counts[y, x]), float(shares[y, x])
        right = rows[y] == columns[x]
        tip = f"{rows[y]}, said: {columns[x]}: {count} {unit}"
        box = left + cell * x + 1, top + cell * y + 1, cell - 2, cell - 2
        parts.append(svg.rect(*box, "cell right" if right else "cell wrong", tip, opacity=0.12 + 0.88 * share))
        style = "count strong" if share > 0.55 else "count"
        shown = _count(count, total, unit)
        parts.append(svg.text(left + cell * (x + 0.5), top + cell * (y + 0.5) + 4, shown, style))
    edge = left, top, cell * len(columns), cell * len(rows)
    parts.append(svg.rect(*edge, "frame"))
    width, height = left + edge[2] + 60, top + edge[3] + 6
    title = f"Confusion matrix of {len(rows)} rows (what is there) and {len(columns)} columns (what was said)."
    return svg.picture(width, height, title, parts, most=width)


def _count(count: int, total: int, unit: str) -> str:
    """A number for a cell: pixels as shares of all."""
    if unit == "pixels":
        share = 100 * count / max(total, 1)
        return f"{share:.1f}" if share >= 0.05 else "<0.1"
    return str(count) if count < 10_000 else f"{count / 1000:.0f}k"


def _line_labels(
    plot: svg.Plot, scores: NDArray[np.float64], lines: Sequence[tuple[str, str, NDArray[np.float64]]]
) -> list[str]:
    """Names of lines where they are farthest apart from each other."""
    values = np.array([line for _, _, line in lines])
    inner = (scores > 0.08) & (scores < 0.8)
    labels = []
    for row, (name, style, line) in enumerate(lines):
        others = np.abs(np.delete(values, row, axis=0) - line).min(axis=0)
        place = int(np.where(inner, others, -1.0).argmax())
        x, y = plot.at(float(scores[place]), float(line[place]))
        labels.append(svg.text(x, min(max(y - 6, 24), 255), name, f"line-label {style} middle"))
    return labels


def _points(plot: svg.Plot, x: NDArray[np.float64], y: NDArray[np.float64]) -> list[tuple[float, float]]:
    return [plot.at(one, two) for one, two in zip(x.tolist(), y.tolist(), strict=True)]
