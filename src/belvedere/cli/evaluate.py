"""``belvedere evaluate``: judge a model on labelled pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from belvedere.cli.console import note, number, progress_bar, say, say_json, table
from belvedere.cli.inputs import Maps, map_option
from belvedere.cli.model_argument import model_options, open_model
from belvedere.cli.options import engine_options, json_option
from belvedere.cli.outputs import make_folder
from belvedere.cli.robustness import robustness_options

_METRICS = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "false_alarm_rate": "false alarm rate",
}
_PIXEL_METRICS = {"auroc": "AUROC", "aupro": "AUPRO", "f1": "F1", "iou": "IoU"}
_TYPE_METRICS = {"iou": "IoU", "precision": "precision", "recall": "recall"}


@click.command(name="evaluate")
@click.argument("model")
@click.argument("dataset")
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write report.html and report.json to DIR.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="Seed of the bootstrap intervals.",
)
@robustness_options
@map_option
@json_option
@engine_options
@model_options
def command(
    *,
    model: str,
    dataset: str,
    report: Path | None,
    seed: int,
    robustness: bool,
    robustness_levels: tuple[int, ...],
    robustness_pictures: int,
    maps: Maps,
    as_json: bool,
    engine: str,
    threads: int | None,
    **binding: Any,
) -> int:
    """Judge a model on the labelled pictures of DATASET, by the metrics of its task.

    MODEL is what belvedere predict takes. DATASET is what belvedere train and belvedere data take; of one with parts,
    the test part is used. Average precision is COCO's, for boxes, masks and keypoints; classes are matched by name.

    What cannot be read is named on stderr, the rest is judged, and the exit code is 1.

    \b
    Examples:
      belvedere evaluate board.tar.gz held-out/ --report report/
      belvedere evaluate detector.tar.gz annotations/val.json --json
      belvedere evaluate board.tar.gz held-out/ --robustness --report report/
    """
    if report is not None:
        make_folder(report, "--report")
    import belvedere
    from belvedere.evaluation.robustness import RobustnessOptions

    conditions = RobustnessOptions(levels=robustness_levels, pictures=robustness_pictures, seed=seed)
    loaded = open_model(model, binding)
    with belvedere.Model(loaded, engine=engine, threads=threads) as opened, progress_bar() as progress:
        judged = belvedere.evaluate(
            opened, dataset, seed=seed, robustness=conditions if robustness else False, maps=maps, progress=progress
        )
    for problem in judged.problems:
        note(str(problem))
    for text in judged.notes:
        note(text)
    known = judged.counts.trained_on
    if known:
        note(
            f"{known} of the {judged.counts.pictures} pictures were used to train this model: the figures are too good"
        )
    if report is not None:  # before stdout, whose reader may be gone
        note(f"report: {judged.save(report)}")
    summary = judged.to_dict()
    if as_json:
        say_json(summary)
    else:
        for line in report_lines(summary):
            say(line)
    if judged.problems:
        note(f"{len(judged.problems)} inputs could not be used; the figures are without them")
    return 1 if judged.problems else 0


def report_lines(summary: Mapping[str, Any]) -> list[str]:
    """The figures of an evaluation for people, from what ``to_dict`` of a report of any task gives."""
    from belvedere.evaluation.robustness_words import robustness_lines
    from belvedere.evaluation.text import text_lines

    lines = text_lines(summary) if "task" in summary else _anomaly_lines(summary)
    conditions = summary.get("robustness")
    return [*lines, "", *robustness_lines(conditions)] if conditions else lines


def _anomaly_lines(summary: Mapping[str, Any]) -> list[str]:
    """Values with 95 % intervals, confusion, kinds, pixels."""
    counts, found = summary["counts"], summary["confusion"]
    intervals = {**summary["intervals"], **summary["wilson"]}
    rows = [[title, number(summary[key]), _interval(intervals.get(key))] for key, title in _METRICS.items()]
    labels = f"{counts['normal']} normal, {counts['anomalous']} anomalous"
    threshold = f"threshold {number(summary['threshold'], 4)}"
    anomalies = f"{found['tp']} found, {found['fn']} missed"
    normals = f"{found['tn']} passed, {found['fp']} false alarms"
    lines = [f"{counts['pictures']} pictures of {summary['dataset']['name']}: {labels}; {threshold}", ""]
    lines += table(rows, header=["", "value", "95 % interval"])
    lines += ["", f"anomalies: {anomalies}; normal pictures: {normals}"]
    kinds = [[kind["kind"] or "-", f"{kind['found']} of {kind['pictures']}"] for kind in summary["per_kind"]]
    if kinds:
        lines += ["", *table(kinds, header=["kind", "found"])]
    pixel = summary.get("pixel")
    if pixel:
        lines += ["", *table(_figures(pixel, _PIXEL_METRICS), header=["pixels", "value"])]
        types = [[name, *(number(figures[key]) for key in _TYPE_METRICS)] for name, figures in pixel["types"].items()]
        lines += ["", *table(types, header=["type", *_TYPE_METRICS.values()])] if types else []
    return lines


def _figures(values: Mapping[str, Any], titles: Mapping[str, str]) -> list[list[str]]:
    return [[title, number(values[key])] for key, title in titles.items()]


def _interval(bounds: Mapping[str, float] | None) -> str:
    """A dash where there is none, or one without width: where nothing is wrong, resampling cannot show doubt."""
    return f"{number(bounds['low'])} to {number(bounds['high'])}" if bounds else "-"
