"""What a report on a task says in words, and as lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from belvedere.evaluation.wording import UNDEFINED, decimal, percent

if TYPE_CHECKING:
    from belvedere.evaluation.task_parts import Value
    from belvedere.evaluation.task_report import TaskReport

FEW = 100
"""With fewer pictures than this the report says that its figures are rough."""

TITLES: Mapping[str, str] = {
    "top1": "top-1",
    "top5": "top-5",
    "mean_recall": "mean recall",
    "mean_f1": "mean F1",
    "ece": "calibration error",
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "ap_small": "AP small",
    "ap_medium": "AP medium",
    "ap_large": "AP large",
    "ar1": "AR1",
    "ar10": "AR10",
    "ar100": "AR100",
    "ar": "AR",
    "miou": "mIoU",
    "mean_accuracy": "mean accuracy",
    "pixel_accuracy": "pixel accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "best_f1": "best F1",
    "best_threshold": "its threshold",
    "oks": "mean OKS",
    "pck": "PCK",
    "truths": "marked",
    "found": "found",
    "pixels": "pixels",
    "iou": "IoU",
    "accuracy": "accuracy",
}
"""Names of figures for people, without the prefixes of `title`."""

_PREFIXES = {"mask_": "mask ", "keypoint_": "keypoint "}

ERROR_TITLES: Mapping[str, str] = {
    "missed": "missed",
    "class": "wrong class",
    "background": "on background",
    "localisation": "badly placed",
    "duplicate": "duplicate",
    "both": "wrong class and place",
}


def title(name: str) -> str:
    """The name of a figure for people."""
    for prefix, word in _PREFIXES.items():
        if name.startswith(prefix):
            return word + title(name.removeprefix(prefix))
    return TITLES.get(name, name)


def verdict(report: TaskReport) -> str:
    """What the model did, in one sentence that needs no explanation."""
    figures, counts = report.figures, report.counts
    if report.task == "classification":
        right = round((report.figures["top1"] or 0) * counts.pictures)
        return f"The model names the right class of {_of(right, counts.pictures, 'picture')}."
    if report.task == "semantic-segmentation":
        share, overlap = percent(figures["pixel_accuracy"]), decimal(figures["miou"])
        return f"The model gives {share} of the pixels their class; the mean overlap of classes is {overlap}."
    what = "people" if report.task == "pose" else "things"
    right = round((figures["recall"] or 0) * counts.truths)
    if not counts.truths:
        return f"Nothing that counts is marked on these pictures, so nothing is to be found ({what})."
    if report.task == "pose":
        found = f"places the joints of {_of(right, counts.truths, 'person', 'people')} well enough (OKS 0.5)"
        return f"The model {found}; keypoint AP is {decimal(figures['keypoint_ap'])}."
    wrong = figures["precision"]
    tail = "" if wrong is None else f"; {percent(wrong)} of what it reports is right"
    return f"The model finds {_of(right, counts.truths, 'marked thing')}{tail}."


def cautions(report: TaskReport) -> list[str]:
    """What a reader must know before trusting the figures."""
    counts = report.counts
    notes = []
    if counts.trained_on:
        notes.append(
            f"{counts.trained_on} of the {counts.pictures} pictures were used to train the model, which knows the "
            "answers: the figures are too good. Judge it on pictures that training never saw."
        )
    notes += report.notes
    if counts.pictures < FEW:
        noun = "picture" if counts.pictures == 1 else "pictures"
        notes.append(
            f"A small test: {counts.pictures} {noun}. Read the ranges, not only the figures; single classes tell "
            "little."
        )
    if counts.unreadable:
        subject = "1 picture" if counts.unreadable == 1 else f"{counts.unreadable} pictures"
        notes.append(f"{subject} could not be judged and did not take part; see Problems below.")
    if counts.unlabelled:
        subject = "1 picture has" if counts.unlabelled == 1 else f"{counts.unlabelled} pictures have"
        notes.append(f"{subject} no labels for this task and did not take part.")
    return notes


def meaning(name: str) -> str:
    """What a figure tells, in a few words."""
    plain = name.removeprefix("mask_").removeprefix("keypoint_")
    if name.startswith("keypoint_"):
        return {
            "ap": "COCO's main figure: mean over OKS 0.50 to 0.95",
            "ap50": "a loose pose is enough (OKS 0.50)",
            "ap75": "joints placed well (OKS 0.75)",
            "ar": "highest recall, mean over OKS 0.50 to 0.95",
        }.get(plain, "")
    shape = "masks" if name.startswith("mask_") else "boxes"
    return {
        "ap": f"COCO's main figure: {shape}, mean over IoU 0.50 to 0.95",
        "ap50": f"{shape} may be loose: IoU 0.50 is enough",
        "ap75": f"{shape} must be tight: IoU 0.75",
        "precision": "of what it reports is right",
        "recall": "of what is marked is found",
        "f1": "balance of the two",
        "top1": "the highest score is that of the class",
        "top5": "the class is among the five highest",
        "mean_recall": "share found, mean over classes",
        "mean_f1": "F1, mean over classes",
        "ece": "how far scores are from the truth; 0 is best",
        "miou": "overlap of classes, mean over classes",
        "mean_accuracy": "share of a class's pixels, mean over classes",
        "pixel_accuracy": "of all pixels have their class",
        "oks": "how near joints are; 1 is exact",
        "pck": "of the joints lie within a tenth of the person's size",
    }.get(plain, "")


def summary_lines(report: TaskReport) -> list[str]:
    """The report's figures as a short text."""
    from belvedere.evaluation.text import text_lines

    return text_lines(report.to_dict())


def shown(value: Value) -> str:
    """A value of a table."""
    if value is None:
        return UNDEFINED
    return str(value) if isinstance(value, int) else decimal(value)


def clipped(name: str, most: int = 40) -> str:
    """A name that is not longer than so many characters."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def columns_of(rows: Mapping[str, Mapping[str, Value]]) -> list[str]:
    """The names of the values of a table's rows, those that any row has."""
    return list(dict.fromkeys(name for row in rows.values() for name in row))


def worst_first(rows: Mapping[str, Mapping[str, Value]], by: str) -> list[str]:
    """Names of a table's rows by a value, rising; those without it last."""

    def key(name: str) -> tuple[bool, float]:
        value = rows[name].get(by)
        return value is None, float(value or 0.0)

    return sorted(rows, key=key)


def main_column(task: str, columns: Sequence[str]) -> str:
    """The value of a table by which classes are ranked."""
    wanted = {
        "classification": ("f1",),
        "semantic-segmentation": ("iou",),
        "pose": ("keypoint_ap", "oks"),
        "instance-segmentation": ("mask_ap50", "ap50"),
    }.get(task, ("ap50",))
    return next((name for name in wanted if name in columns), columns[0] if columns else "")


def _of(part: int, whole: int, noun: str, plural: str | None = None) -> str:
    many = plural or f"{noun}s"
    if whole == 1:
        return f"the one {noun}" if part else f"none of the one {noun}"
    if part == whole:
        return f"all {whole} {many}"
    return f"{part or 'none'} of {whole} {many}"
