"""``belvedere compare``: an artifact against the model it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from belvedere.cli.console import note, number, say, say_json, table
from belvedere.cli.options import engine_options, json_option, target_option
from belvedere.cli.outputs import make_folder

if TYPE_CHECKING:
    from belvedere.compiler.pipeline.compare import Comparison

_SHOWN = 5


@click.command(name="compare")
@click.argument("artifact")
@click.argument("original", type=click.Path(path_type=Path))
@click.option(
    "--samples",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Pictures, or .npz files with tensors by input name: a folder, a file, or a dataset's manifest.",
)
@click.option(
    "--most", type=click.IntRange(min=1), default=200, show_default=True, metavar="N", help="Samples to read."
)
@click.option(
    "--draw",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Draw the sample that differs most, as worst.png, into DIR.",
)
@json_option
@target_option
@engine_options
def command(
    *,
    artifact: str,
    original: Path,
    samples: Path,
    most: int,
    draw: Path | None,
    as_json: bool,
    target: str | None,
    engine: str,
    threads: int | None,
) -> int:
    """Compare what ARTIFACT gives with what ORIGINAL gives, on samples.

    ORIGINAL is the model that the artifact was made from, or another artifact. Every output is compared number by
    number, and where the model is bound to a task, what both say about a picture. With --draw the sample that
    differs most is drawn with both results side by side.

    \b
    Example:
      belvedere compare net.tar.gz model.tar.gz --samples pictures/ --draw .
    """
    from belvedere.compiler.pipeline.compare import compare_models, draw_comparison
    from belvedere.compiler.pipeline.original import open_original
    from belvedere.compiler.pipeline.samples import find_samples, read_samples
    from belvedere.core.files import atomic_write
    from belvedere.runtime import Model
    from belvedere.zoo import open_artifact

    picture = None if draw is None else make_folder(draw, "--draw") / "worst.png"
    loaded = open_artifact(artifact)
    listed = find_samples(samples)
    given = read_samples(listed, loaded.manifest, most)
    with (
        Model(loaded, engine=engine, threads=threads, target=target) as model,
        open_original(original, loaded) as other,
    ):
        found = compare_models(model, other, given)
        if picture is not None:
            worst = given[found.worst_sample]
            drawn = draw_comparison(model, other, worst, f"{worst.name}: {_of_worst(found)}")
            with atomic_write(picture) as stream:
                drawn.save(stream, format="PNG")
    if listed.folders:
        note(f"--samples: {listed.sentence(most)}")
    summary = as_dict(found, loaded.manifest.precision)
    if as_json:
        say_json(summary if picture is None else {**summary, "drawn": str(picture)})
        return 0
    for line in comparison_lines(summary):
        say(line)
    if picture is not None:
        note(f"drawn: {picture}")
    return 0


def as_dict(found: Comparison, precision: str) -> dict[str, Any]:
    """A comparison with a model in that precision, as JSON values."""
    from dataclasses import asdict

    from belvedere.compiler.pipeline.compare import judged

    verdict = judged(found, precision)
    return {
        "verdict": verdict.words,
        "same": verdict.same,
        "samples": len(found.samples),
        "outputs": [{"name": name, **asdict(worst)} for name, worst in zip(found.names, found.worst, strict=True)],
        "metric": found.metric or None,
        "agreement": found.agreement,
        "worst": [
            {"name": one.name, "agreement": one.agreement, "rms_rel": max(each.rms_rel for each in one.outputs)}
            for one in sorted(found.samples, key=lambda one: one.badness, reverse=True)[:_SHOWN]
        ],
    }


def comparison_lines(summary: Mapping[str, Any]) -> list[str]:
    """A comparison for people."""
    header = ["output", "largest difference", "of the largest value", "root mean square"]
    rows = [
        [one["name"], _small(one["max_abs"]), _small(one["max_rel"]), _small(one["rms_rel"])]
        for one in summary["outputs"]
    ]
    count = summary["samples"]
    lines = [summary["verdict"], f"{count} sample{'' if count == 1 else 's'}", "", *table(rows, header=header)]
    if summary["metric"]:
        lines += ["", f"{summary['metric']}: {number(summary['agreement'], 4)}"]
    rows = [[one["name"], number(one["agreement"], 4), _small(one["rms_rel"])] for one in summary["worst"]]
    return [*lines, "", *table(rows, header=["worst samples", "agreement", "error"])]


def _of_worst(found: Comparison) -> str:
    sample = found.samples[found.worst_sample]
    error = max(one.rms_rel for one in sample.outputs)
    same = "" if sample.agreement is None else f"{found.metric} {sample.agreement:.3f}, "
    return f"{same}error {error:.2g}"


def _small(value: float) -> str:
    return f"{value:.3g}"
