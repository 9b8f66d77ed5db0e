"""What a robustness report says in words, and as lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from belvedere.core.tables import table
from belvedere.evaluation.robustness_report import Figures, RobustnessReport
from belvedere.evaluation.wording import decimal, percent
from belvedere.evaluation.words import title

UNHURT = 0.05
"""Loss up to which a condition counts as harmless."""

_NOTABLE = 0.1
"""Change of a rate of verdicts from which it is told."""

_TITLES: Mapping[str, str] = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "false_alarm_rate": "false alarms",
    "specificity": "good parts let pass",
    "pixel_auroc": "pixel AUROC",
}


def figure_title(name: str) -> str:
    """The name of a figure for people."""
    return _TITLES.get(name) or title(name)


def change(loss: float | None) -> str:
    """A loss as a change with its sign."""
    if loss is None:
        return ""
    whole = round(-100 * loss)
    return f"{'−' if whole < 0 else '+' if whole > 0 else '±'}{abs(whole)} %"


def summary(report: RobustnessReport) -> str:
    """Where the model loses most, and where nothing."""
    worst = report.worst
    if worst is None:
        return f"{_capital(figure_title(report.metric))} is not defined on these pictures, so nothing can be compared."
    losses = {name: report.mean_loss(name=name) for name in report.names}
    unhurt = [name for name, loss in losses.items() if loss is not None and loss <= UNHURT]
    before, after = report.clean[report.metric], worst.figures[report.metric]
    loss = report.loss(worst)
    assert loss is not None
    if loss <= UNHURT:
        first = f"No condition takes more than {percent(UNHURT)} of its {figure_title(report.metric)} from the model."
        return first + _at_the_threshold(report)
    most = (
        f"The model loses most under {worst.name}: at level {worst.level} its {figure_title(report.metric)} falls from "
        f"{decimal(before)} to {decimal(after)}."
    )
    rest = f" Hardly hurt (up to {percent(UNHURT)} on average) by: {', '.join(unhurt)}." if unhurt else ""
    return most + rest + _at_the_threshold(report)


def beside(report: RobustnessReport, figures: Figures) -> str:
    """What anomaly verdicts are among some figures: AUROC does not show a threshold that no longer fits."""
    if report.metric != "auroc":
        return ""
    return f"{_percent(figures.get('recall'))} found, {_percent(figures.get('false_alarm_rate'))} false alarms"


def _at_the_threshold(report: RobustnessReport) -> str:
    """Where an anomaly model's threshold fits least, with a space before; empty where it fits everywhere."""
    alarms, found = report.clean.get("false_alarm_rate"), report.clean.get("recall")
    if report.metric != "auroc" or alarms is None or found is None:
        return ""
    text = ""
    known = [(value, one) for one in report.conditions if (value := one.figures.get("false_alarm_rate")) is not None]
    most, where = max(known, key=lambda entry: (entry[0], -entry[1].level), default=(alarms, None))
    if where is not None and most > alarms + _NOTABLE:
        rise = f"from {_percent(alarms)} to {_percent(most)}"
        text += f" At its threshold false alarms rise {rise} under {where.name}, level {where.level}."
    known = [(value, one) for one in report.conditions if (value := one.figures.get("recall")) is not None]
    least, where = min(known, key=lambda entry: (entry[0], entry[1].level), default=(found, None))
    if where is not None and least < found - _NOTABLE:
        fall = f"from {_percent(found)} to {_percent(least)}"
        text += f" The share of defective parts found falls {fall} under {where.name}, level {where.level}."
    return text


def robustness_lines(summarised: Mapping[str, Any]) -> list[str]:
    """A table for the terminal, from what ``RobustnessReport.to_dict`` gives."""
    metric, levels = summarised["metric"], summarised["levels"]
    sample = summarised["sample"]
    clean = summarised["clean"][metric]
    rows: list[Sequence[str]] = []
    for name, found in summarised["transformations"].items():
        values = {row["level"]: row[metric] for row in found["levels"]}
        rows.append([name, *(decimal(values.get(level)) for level in levels), change(found["loss"])])
    worst = summarised["worst"]
    heading = (
        f"under field conditions: {figure_title(metric)} on {sample['pictures']} of {sample['of']} pictures, "
        f"{decimal(clean)} as they are"
    )
    lines = [
        heading,
        "",
        *table(rows, header=["condition", *(f"level {level}" for level in levels), "mean"]),
    ]
    if worst is not None:
        lines += ["", f"worst: {worst['transformation']} at level {worst['level']} ({change(worst['loss'])})"]
    return lines


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{round(100 * value)} %"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
