"""A report's figures as lines of text, from the plain values of its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from belvedere.core.tables import table
from belvedere.evaluation.words import ERROR_TITLES, clipped, columns_of, main_column, shown, title, worst_first

MOST_CLASSES = 20
"""Rows of a table of classes; the JSON has all."""

_MAIN: Mapping[str, tuple[str, ...]] = {
    "classification": ("top1", "top5", "mean_recall", "mean_f1", "ece"),
    "detection": ("ap50", "ap", "ap75", "ap_small", "ap_medium", "ap_large", "ar100", "precision", "recall", "f1"),
    "instance-segmentation": (
        "mask_ap50", "mask_ap", "mask_ap75", "ap50", "ap", "ap75", "precision", "recall", "f1",
    ),
    "semantic-segmentation": ("miou", "mean_accuracy", "pixel_accuracy"),
    "pose": ("keypoint_ap", "keypoint_ap50", "keypoint_ap75", "keypoint_ar", "oks", "pck"),
}  # fmt: skip
_UNITS = {"classification": "pictures", "semantic-segmentation": "pixels", "pose": "people"}
_DASH = "-"


def text_lines(summary: Mapping[str, Any]) -> list[str]:
    """The figures of an evaluation of a task: values with 95 % intervals, mistakes, classes worst first."""
    task, counts = summary["task"], summary["counts"]
    about = "" if task == "classification" else f", {counts['truths']} {_UNITS.get(task, 'marked things')}"
    head = f"{counts['pictures']} pictures of {summary['dataset']['name']}{about}"
    if counts["left_out"]:
        head += f" ({counts['left_out']} left out)"
    if summary["threshold"]:
        head += f"; precision, recall and F1 at the model's threshold {summary['threshold']:g}"
    known = [name for name in _MAIN[task] if name in summary]
    rows = [[title(name), shown(summary[name]), interval_text(summary["intervals"].get(name))] for name in known]
    lines = [head, "", *table(rows, header=["", "value", "95 % interval"])]
    errors = summary.get("errors")
    if errors:
        wrong = ", ".join(f"{errors[kind]} {ERROR_TITLES[kind]}" for kind in ERROR_TITLES if errors.get(kind))
        lines += ["", f"{errors['right']} right; mistakes: {wrong or 'none'}"]
    for key, noun in (("per_joint", "joint"), ("per_class", "class")):
        rows_of = summary.get(key) or {}
        if rows_of and not (key == "per_class" and task == "pose"):
            lines += ["", *_class_lines(task, noun, rows_of)]
    return lines


def interval_text(bounds: Mapping[str, float] | None) -> str:
    """An interval, or a dash where there is none: no resamples, or no width that could show doubt."""
    return f"{bounds['low']:.3f} to {bounds['high']:.3f}" if bounds else _DASH


def _class_lines(task: str, noun: str, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    columns = columns_of(rows)
    by = main_column(task, columns)
    order = list(rows) if noun == "joint" else worst_first(rows, by)
    body = [[clipped(name), *(shown(rows[name].get(column)) for column in columns)] for name in order[:MOST_CLASSES]]
    plural = f"{noun}es" if noun == "class" else f"{noun}s"
    more = [f"... {len(rows) - MOST_CLASSES} more {plural}; --json has all"] if len(rows) > MOST_CLASSES else []
    return [*table(body, header=[noun, *map(title, columns)]), *more]
