"""The report on a task as one HTML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from belvedere.evaluation import task_charts as charts
from belvedere.evaluation import words
from belvedere.evaluation.charts import interval_bar
from belvedere.evaluation.html import Card, drawn, render
from belvedere.evaluation.robustness_page import robustness_section
from belvedere.evaluation.svg import meter
from belvedere.evaluation.task_facts import facts_of
from belvedere.evaluation.task_parts import Mistake, Value
from belvedere.evaluation.task_report import TaskReport
from belvedere.evaluation.wording import decimal, decimal_range, percent, percent_range

MOST_ROWS = 1000
"""Most pictures and classes in tables; report.json has every one."""

_UNFOLDED = 30
"""Rows of a table that are shown at once."""

_SHARES = frozenset({"precision", "recall", "top1", "top5", "mean_recall", "mean_accuracy", "pixel_accuracy", "pck"})
_METERS = frozenset({"ap", "ap50", "iou", "f1", "mask_ap50", "mask_ap", "keypoint_ap", "oks"})

_HEADINGS: Mapping[str, tuple[str, str]] = {
    "missed": ("Missed", "Marked, but not found. The largest first."),
    "class": ("Taken for something else", "Well placed, but given another class. The surest first."),
    "background": (
        "Found where nothing is marked",
        "The surest first. Look twice: often the thing is there and its mark is missing.",
    ),
    "localisation": ("Badly placed", "The right class, but it overlaps the mark too little."),
    "duplicate": ("Found again", "The thing was found by a surer detection already."),
    "both": ("Wrong class and place", "Near a thing of another class, and overlapping it too little."),
    "confused": ("Wrong, and sure of it", "The highest score was that of another class. The surest first."),
    "close call": ("Close calls", "Right, but another class had nearly the same score."),
    "worst": ("Worst pictures", "Those with the lowest mean overlap first."),
    "clear": ("Clear cases", "Pictures with little to complain about."),
}


@dataclass(frozen=True)
class Section:
    """One part of the gallery."""

    heading: str
    lead: str
    items: tuple[Mistake, ...]
    total: int


Row = tuple[str, tuple[tuple[str, Any], ...], Any]
"""Name, cells of text and maybe a drawing, and maybe a curve."""


@dataclass(frozen=True)
class Table:
    """A table of classes or joints.

    Attributes:
        header: Titles of the cells.
        rows: Rows that are shown.
        folded: Further ones, shown on demand.
        left: How many more there are.
        curves: Whether rows have curves.
    """

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    folded: tuple[Row, ...]
    left: int
    curves: bool


def render_task_page(report: TaskReport) -> str:
    """The whole page. Names of files, models and classes are escaped."""
    table = report.confusion
    confusion = None if table is None else charts.confusion_chart(table)
    return render(
        "task.html",
        report=report,
        robustness=robustness_section(report.robustness),
        verdict=words.verdict(report),
        cautions=words.cautions(report),
        cards=[(card, drawn(card.bar)) for card in _cards(report)],
        precision_recall=drawn(charts.precision_recall_chart(report.curves)),
        thresholds=drawn(charts.threshold_chart(report)),
        calibration=drawn(charts.calibration_chart(report)),
        errors=drawn(charts.error_chart(report)),
        confusion=drawn(confusion),
        pairs=charts.confused_pairs(table) if table is not None and confusion is None else [],
        classes=None if report.task == "pose" else _class_table(report),
        joints=_table(report.per_joint, report, None),
        sizes=_sizes(report),
        sections=_sections(report),
        pictures=_pictures(report),
        picture_columns=_picture_columns(report),
        facts=facts_of(report),
    )


def _cards(report: TaskReport) -> Iterable[Card]:
    for name in report.main:
        value, interval = report.figures.get(name), report.intervals.get(name)
        share = name in _SHARES
        plain = None if value is None else float(value)
        shown = percent(plain) if share else decimal(plain)
        plausible = (percent_range if share else decimal_range)(interval) or _without_range(report, name, plain)
        title = words.title(name)
        named = title if title[1:2].isupper() else title[:1].upper() + title[1:]
        yield Card(named, shown, plausible, words.meaning(name), interval_bar(plain, interval))


def _without_range(report: TaskReport, name: str, value: float | None) -> str:
    if value is None:
        return "not defined here"
    return "no range" if name in report.intervals else ""


def _class_table(report: TaskReport) -> Table | None:
    return _table(report.per_class, report, words.main_column(report.task, words.columns_of(report.per_class)))


def _table(rows: Mapping[str, Mapping[str, Value]], report: TaskReport, by: str | None) -> Table | None:
    """Classes worst first, or joints in their order."""
    if not rows:
        return None
    columns = words.columns_of(rows)
    order = list(rows) if by is None else words.worst_first(rows, by)
    body: list[Row] = []
    for name in order[:MOST_ROWS]:
        cells = tuple((words.shown(rows[name].get(column)), _meter(column, rows[name])) for column in columns)
        curve = report.curves.get(name)
        body.append((words.clipped(name, 60), cells, None if curve is None else drawn(charts.sparkline(curve))))
    header = tuple(words.title(column) for column in columns)
    folds = len(body) > _UNFOLDED + _UNFOLDED // 2
    shown, folded = (body[:_UNFOLDED], body[_UNFOLDED:]) if folds else (body, [])
    return Table(header, tuple(shown), tuple(folded), len(rows) - len(body), any(curve for _, _, curve in body))


def _meter(column: str, row: Mapping[str, Value]) -> Any:
    value = row.get(column)
    return drawn(meter(float(value))) if column in _METERS and value is not None else None


def _sizes(report: TaskReport) -> list[tuple[str, str, str]]:
    """AP by size of things: size, value, and what it means."""
    prefix = {"instance-segmentation": "mask_", "pose": "keypoint_"}.get(report.task, "")
    if f"{prefix}ap_large" not in report.figures:
        prefix = ""
    sizes = (("small", "up to 32² pixels"), ("medium", "up to 96² pixels"), ("large", "above"))
    return [
        (word, decimal(_number(report.figures[f"{prefix}ap_{word}"])), remark)
        for word, remark in sizes
        if f"{prefix}ap_{word}" in report.figures
    ]


def _sections(report: TaskReport) -> list[Section]:
    totals = dict(report.errors.counts) if report.errors is not None else {}
    sections = []
    for group, members in groupby(report.gallery, key=lambda item: item.group):
        items = tuple(members)
        sections.append(Section(*_HEADINGS[group], items, totals.get(group, len(items))))
    return sections


_PICTURE_TITLES = {"score_of_class": "its score", "said": "said", "class": "class", "rank": "rank"}


def _picture_columns(report: TaskReport) -> list[str]:
    names = [name for name in report.pictures[0] if name != "name"] if report.pictures else []
    return [_PICTURE_TITLES.get(name, words.title(name)) for name in names]


def _pictures(report: TaskReport) -> list[tuple[str, list[str], bool]]:
    """Rows of the table of all pictures, worst first: name, cells, and whether it is wrong."""
    rows = sorted(report.pictures, key=lambda row: (-_badness(row), row["name"]))
    return [
        (row["name"], [_cell(key, value) for key, value in row.items() if key != "name"], _badness(row) > 0)
        for row in rows[:MOST_ROWS]
    ]


def _badness(row: Mapping[str, Any]) -> float:
    if "rank" in row:
        return float(row["said"][0]["score"] - row["score_of_class"]) + 1e-9 if row["rank"] > 1 else 0.0
    if "miou" in row:
        return 1.0 - (1.0 if row["miou"] is None else row["miou"]) if (row["miou"] or 1.0) < 0.5 else 0.0
    return float(row["wrong"] + row["missed"])


def _cell(key: str, value: Any) -> str:
    if key == "said":
        return ", ".join(f"{one['label']} {one['score']:.2f}" for one in value)
    if isinstance(value, float) or value is None:
        return decimal(value)
    return str(value)


def _number(value: Value) -> float | None:
    return None if value is None else float(value)
