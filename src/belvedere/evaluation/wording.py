"""Numbers and verdicts in plain words."""

from __future__ import annotations

from belvedere.evaluation.report import Counts, Report
from belvedere.tasks.anomaly.intervals import Interval
from belvedere.tasks.anomaly.metrics import Confusion

FEW = 20
"""With fewer pictures than this in a class the report says that its numbers are rough."""

UNDEFINED = "–"


def verdict(report: Report) -> str:
    """What the model did, in one sentence that needs no explanation."""
    counts = report.confusion
    found = _found(counts)
    stopped = _stopped(counts)
    if found and stopped:
        return f"The model {found} and {stopped}."
    if found:
        return f"The model {found}; there were no good ones that it could have stopped."
    return f"The model {stopped}; there were no defective ones to find."


def cautions(report: Report) -> list[str]:
    """What a reader must know before trusting the numbers."""
    counts = report.counts
    notes = []
    if counts.trained_on:
        notes.append(_trained_on(counts.trained_on, counts.pictures))
    missing = missing_class(counts)
    if missing:
        notes.append(missing)
    few = [
        f"{number} {word}"
        for number, word in ((counts.anomalous, "defective"), (counts.normal, "good"))
        if 0 < number < FEW
    ]
    if few:
        pictures = "picture" if few == ["1 defective"] or few == ["1 good"] else "pictures"
        notes.append(
            f"A small test: {' and '.join(few)} {pictures}. Read the ranges, not only the numbers; "
            f"{FEW} or more of each give a firmer answer."
        )
    if counts.unreadable:
        subject = "1 picture" if counts.unreadable == 1 else f"{counts.unreadable} pictures"
        notes.append(f"{subject} could not be read and did not take part; see Problems below.")
    if counts.unlabelled:
        subject = "1 picture has" if counts.unlabelled == 1 else f"{counts.unlabelled} pictures have"
        notes.append(f"{subject} no label and did not take part.")
    return notes


def percent(share: float | None) -> str:
    """A share as a percentage; one decimal where the value is not a whole number, so 99.6 is not 100."""
    if share is None:
        return UNDEFINED
    value = f"{100 * share:.1f}"
    if value in ("100.0", "0.0") and share not in (0.0, 1.0):
        value = "99.9" if share > 0.5 else "0.1"
    return f"{value.removesuffix('.0')} %"


def decimal(value: float | None) -> str:
    """A metric between 0 and 1 with three decimals."""
    return UNDEFINED if value is None else f"{value:.3f}"


def percent_range(interval: Interval | None) -> str:
    """An interval as percentages."""
    if interval is None:
        return ""
    return f"{100 * interval.low:.0f} to {100 * interval.high:.0f} %"


def decimal_range(interval: Interval | None) -> str:
    """An interval with three decimals."""
    return "" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}"


def _found(counts: Confusion) -> str:
    total = counts.tp + counts.fn
    if not total:
        return ""
    if total == 1:
        return "found the one defective part" if counts.tp else "missed the one defective part"
    if counts.tp == total:
        return f"found all {total} defective parts"
    return f"found {counts.tp or 'none'} of {total} defective parts"


def _stopped(counts: Confusion) -> str:
    total = counts.fp + counts.tn
    if not total:
        return ""
    if total == 1:
        return "stopped the one good part" if counts.fp else "let the one good part pass"
    if counts.fp == total:
        return f"stopped all {total} good parts" if not counts.tp + counts.fn else f"stopped all {total} good ones"
    return f"stopped {counts.fp or 'none'} of {total} good {'ones' if counts.tp + counts.fn else 'parts'}"


def _trained_on(known: int, pictures: int) -> str:
    if known == pictures:
        subject = "All of these pictures were" if pictures > 1 else "This picture was"
    else:
        subject = f"{known} of the {pictures} pictures {'was' if known == 1 else 'were'}"
    return (
        f"{subject} used to train the model, which knows the answers: the figures are too good. Judge it on pictures "
        "that training never saw."
    )


def missing_class(counts: Counts) -> str:
    """What cannot be told where all pictures are of one class; empty where both are there."""
    if not counts.anomalous:
        return "All pictures are of good parts: this shows false alarms only, not whether defects are found."
    if not counts.normal:
        return (
            "All pictures are of defective parts: this shows what is found only, not how often a good part is stopped."
        )
    return ""
