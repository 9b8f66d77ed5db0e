"""What ``belvedere data stats`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belvedere.cli.console import number, table

if TYPE_CHECKING:
    from belvedere.data import Dataset
    from belvedere.data.statistics import Sizes, Statistics


def facts(dataset: Dataset, counted: Statistics) -> dict[str, Any]:
    """What ``--json`` tells about a dataset."""
    from dataclasses import asdict

    return {"name": dataset.name, "form": dataset.form, "problems": len(dataset.problems), **asdict(counted)}


def stats_lines(dataset: Dataset, counted: Statistics) -> list[str]:
    """A dataset's figures for people."""
    rows = [["form", dataset.form or "pictures alone"], ["pictures", str(counted.total)]]
    if counted.splits:
        rows.append(["parts", ", ".join(f"{name} {count}" for name, count in counted.splits.items())])
    if counted.labelled:
        labels = f"{counted.normal} normal, {counted.anomaly} anomalous, {counted.unlabelled} unlabelled"
        rows += [["labels", labels], ["masks", str(counted.masks)]]
    if counted.annotated:
        rows.append(["annotated", f"{counted.annotated}, {counted.empty} of them with nothing marked"])
        rows.append(["instances", f"{counted.instances}{_per_picture(counted.per_picture)}"])
        rows.append(["with outline", str(counted.shapes)])
        rows.append(["with keypoints", str(counted.keypoints)])
    if counted.width and counted.height:
        rows.append(["width", _sizes(counted.width)])
        rows.append(["height", _sizes(counted.height)])
    rows.append(["formats", ", ".join(f"{name} {count}" for name, count in counted.formats.items()) or "-"])
    lines = [dataset.name, "", *table(rows)]
    if counted.kinds:
        lines += [
            "",
            *table([[name, str(count)] for name, count in counted.kinds.items()], header=["kind", "pictures"]),
        ]
    if counted.classes:
        lines += ["", *_class_table(counted)]
    return lines


def _class_table(counted: Statistics) -> list[str]:
    if not counted.instances:
        rows = [[name, str(one.pictures)] for name, one in counted.classes.items()]
        return table(rows, header=["class", "pictures"])
    rows = [
        [
            name,
            str(one.pictures),
            str(one.instances),
            f"{number(one.width.median, 0)} x {number(one.height.median, 0)}" if one.width and one.height else "-",
            *(str(count) for count in (one.small, one.medium, one.large, one.crowds, one.ignored)),
        ]
        for name, one in counted.classes.items()
    ]
    header = ["class", "pictures", "instances", "median box", "small", "medium", "large", "crowds", "ignored"]
    return table(rows, header=header)


def _per_picture(sizes: Sizes | None) -> str:
    return "" if sizes is None else f", {sizes.smallest} to {sizes.largest} a picture, median {sizes.median:g}"


def _sizes(sizes: Sizes) -> str:
    if sizes.smallest == sizes.largest:
        return f"{sizes.smallest}"
    return f"{sizes.smallest} to {sizes.largest}, median {sizes.median:g}"
