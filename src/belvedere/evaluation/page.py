"""The report on an anomaly model as one HTML file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from belvedere.evaluation import charts, wording
from belvedere.evaluation.html import Card, drawn, render
from belvedere.evaluation.report import GalleryItem, Group, PictureRow, Report
from belvedere.evaluation.robustness_page import robustness_section
from belvedere.tasks.anomaly.intervals import Interval

MOST_ROWS = 1000
"""Most pictures in the table of all pictures; report.json has every one."""

_HEADINGS: dict[Group, tuple[str, str]] = {
    "missed": ("Missed defects", "Defective, but the score stayed below the threshold. Lowest score first."),
    "false alarm": ("False alarms", "Good, but stopped. Highest score first."),
    "close call": ("Close calls", "Right, but nearest to the threshold."),
    "clear": ("Clear cases", "Right by a wide margin."),
}


@dataclass(frozen=True)
class Section:
    """One part of the gallery."""

    heading: str
    lead: str
    items: tuple[GalleryItem, ...]
    total: int


def render_page(report: Report) -> str:
    """The whole page. Names of files, models and types are escaped."""
    return render(
        "report.html",
        report=report,
        robustness=robustness_section(report.robustness),
        verdict=wording.verdict(report),
        cautions=wording.cautions(report),
        cards=[(card, drawn(card.bar)) for card in _cards(report)],
        roc=drawn(charts.roc_chart(report)),
        precision_recall=drawn(charts.precision_recall_chart(report)),
        scores=drawn(charts.score_chart(report)),
        sections=_sections(report),
        worst_first=_worst_first(report)[:MOST_ROWS],
        few=wording.FEW,
    )


def _cards(report: Report) -> Iterable[Card]:
    counts = report.confusion
    shares = (
        ("Recall", "recall", counts.recall, "of defective parts are found"),
        ("False alarms", "false_alarm_rate", counts.false_alarm_rate, "of good parts are stopped"),
        ("Precision", "precision", counts.precision, "of stopped parts are defective"),
    )
    for name, key, value, meaning in shares:
        interval = report.wilson.get(key)
        shown, plausible = wording.percent(value), wording.percent_range(interval) or _without_range(value)
        yield Card(name, shown, plausible, meaning, charts.interval_bar(value, interval))
    metrics = (
        ("F1", "f1", counts.f1, "balance of recall and precision"),
        ("AUROC", "auroc", report.auroc, "how well scores separate, at any threshold"),
        ("Average precision", "average_precision", report.average_precision, "area under the precision curve"),
    )
    for name, key, value, meaning in metrics:
        interval = _proper(report.intervals.get(key), value)
        shown, plausible = wording.decimal(value), wording.decimal_range(interval) or _without_range(value)
        yield Card(name, shown, plausible, meaning, charts.interval_bar(value, interval))


def _without_range(value: float | None) -> str:
    return "not defined here" if value is None else "no range"


def _proper(interval: Interval | None, value: float | None) -> Interval | None:
    """Leave an interval out that has no width: where nothing is wrong, resampling cannot show doubt."""
    if interval is None or value is None or interval.high - interval.low < 1e-9:
        return None
    return interval


def _sections(report: Report) -> list[Section]:
    totals = {
        "missed": report.confusion.fn,
        "false alarm": report.confusion.fp,
    }
    sections = []
    for group, members in groupby(report.gallery, key=lambda item: item.group):
        items = tuple(members)
        heading, lead = _HEADINGS[group]
        sections.append(Section(heading, lead, items, totals.get(group, len(items))))
    return sections


def _worst_first(report: Report) -> list[PictureRow]:
    def distance(row: PictureRow) -> float:
        margin = abs(row.score - report.threshold)
        return margin if row.is_right else -1 - margin

    return sorted(report.pictures, key=lambda row: (distance(row), row.name))
