"""The part of a report's page that shows field conditions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from belvedere.data.transformations import KINDS
from belvedere.evaluation import robustness_words as words
from belvedere.evaluation.html import drawn
from belvedere.evaluation.robustness_charts import robustness_chart
from belvedere.evaluation.robustness_report import Condition, RobustnessReport
from belvedere.evaluation.wording import decimal

if TYPE_CHECKING:
    from markupsafe import Markup

_GROUPS = {"lighting": "Light", "resolution": "Resolution", "distortion": "Distortion"}


@dataclass(frozen=True)
class Shown:
    """The example picture under a condition, with what was measured."""

    picture: bytes
    alt: str
    heading: str
    text: str
    bad: bool


@dataclass(frozen=True)
class Row:
    """One transformation: its curve, and pictures from the one as it is to the worst."""

    name: str
    means: str
    change: str
    curve: Markup | None
    pictures: tuple[Shown, ...]


@dataclass(frozen=True)
class Section:
    """What the page shows of a robustness report."""

    summary: str
    metric: str
    facts: tuple[tuple[str, str, str], ...]
    example_name: str
    groups: tuple[tuple[str, str, tuple[Row, ...]], ...]
    notes: tuple[str, ...]
    has_range: bool


def robustness_section(report: RobustnessReport | None) -> Section | None:
    """What the page shows; None without a report."""
    if report is None:
        return None
    groups = []
    for group, names in groupby(report.names, key=lambda name: KINDS[name].group):
        rows = tuple(_row(report, name) for name in names)
        groups.append((_GROUPS[group], words.change(report.mean_loss(group=group)), rows))
    return Section(
        summary=words.summary(report),
        metric=words.figure_title(report.metric),
        facts=_facts(report),
        example_name=report.example_name,
        groups=tuple(groups),
        notes=report.notes,
        has_range=report.interval is not None,
    )


def _facts(report: RobustnessReport) -> tuple[tuple[str, str, str], ...]:
    worst = report.worst
    facts = [
        (
            "As they are",
            decimal(report.clean.get(report.metric)),
            f"{len(report.sample)} of {report.available} pictures",
        ),
        ("Mean under conditions", decimal(report.mean), f"{len(report.conditions)} conditions"),
        (
            "Kept",
            "–" if report.relative is None else f"{round(100 * report.relative)} %",
            "mean, as a share of the first",
        ),
    ]
    if worst is not None:
        facts.append(("Worst", decimal(worst.figures.get(report.metric)), f"{worst.name}, level {worst.level}"))
    return tuple(facts)


def _row(report: RobustnessReport, name: str) -> Row:
    clean = decimal(report.clean.get(report.metric))
    beside = words.beside(report, report.clean)
    text = f"{clean}; {beside}" if beside else clean
    first = Shown(report.example, f"{report.example_name} as it is", "as it is", text, bad=False)
    pictures = (first, *(_shown(report, one) for one in report.conditions if one.name == name))
    loss = words.change(report.mean_loss(name=name))
    return Row(name, KINDS[name].means, loss, drawn(robustness_chart(report, name)), pictures)


def _shown(report: RobustnessReport, one: Condition) -> Shown:
    loss = report.loss(one)
    value = decimal(one.figures.get(report.metric))
    text = " · ".join(part for part in (value, words.change(loss)) if part)
    beside = words.beside(report, one.figures)
    return Shown(
        one.example,
        f"{report.example_name} under {one.name}, level {one.level}",
        f"level {one.level}",
        f"{text}; {beside}" if beside else text,
        bad=loss is not None and loss > words.UNHURT,
    )
