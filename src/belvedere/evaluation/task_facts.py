"""What was tested, in rows of a report."""

from __future__ import annotations

from belvedere.evaluation.task_report import TaskReport
from belvedere.evaluation.wording import decimal


def facts_of(report: TaskReport) -> list[tuple[str, str, str]]:
    """Name, value and remark of what was tested."""
    counts, match = report.counts, report.classes
    facts = [
        ("Model", report.model.name, f"digest {report.model.digest[:16]}"),
        ("Task", report.task, ""),
        (
            "Pictures",
            report.dataset.name + (", test part" if report.dataset.part == "test" else ""),
            f"digest {report.dataset.digest[:16]}" if report.dataset.digest else "",
        ),
        ("Counts", f"{counts.pictures} pictures, {counts.truths} {_UNITS[report.task]}", _left_out(report)),
    ]
    if match is not None:
        renamed = ", ".join(f"{theirs} = {own}" for theirs, own in list(match.renamed.items())[:12])
        more = len(match.renamed) - 12
        facts.append(
            (
                "Classes",
                f"{len(match.names)} that both know, matched by {match.by}",
                renamed + (f" and {more} more" if more > 0 else ""),
            )
        )
        if match.model_only:
            facts.append(
                ("Classes the dataset lacks", f"{len(match.model_only)} of the model's", _few(match.model_only))
            )
        if match.dataset_only:
            facts.append(("Classes the model lacks", f"{len(match.dataset_only)} left out", _few(match.dataset_only)))
    if report.threshold is not None and report.sweep is not None:
        best, best_f1 = (report.figures.get(name) for name in ("best_threshold", "best_f1"))
        remark = ""
        if best is not None and best_f1 is not None:
            remark = (
                f"F1 would be highest, {decimal(float(best_f1))}, at {best:.2f}; choosing it from the test itself "
                "flatters the model"
            )
        facts.append(("Threshold", f"{report.threshold:g}, the model's own", remark))
    facts += [
        (
            "Time per picture",
            f"{report.speed.p50_ms:.1f} ms",
            f"median; 95 % within {report.speed.p95_ms:.1f} ms, on this machine",
        ),
        ("Bootstrap", f"{report.resamples} resamples", f"of pictures, seed {report.seed}"),
    ]
    return facts


_UNITS = {
    "classification": "classes of pictures",
    "detection": "marked things",
    "instance-segmentation": "marked things",
    "semantic-segmentation": "pixels",
    "pose": "people",
}


def _left_out(report: TaskReport) -> str:
    return f"{report.counts.left_out} more do not count" if report.counts.left_out else ""


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
