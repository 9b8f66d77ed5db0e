"""``belvedere compile``: from a model of another framework to an artifact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from belvedere.cli.compile_options import (
    PRECISIONS,
    TARGETS,
    binding_options,
    framework_option,
    input_option,
    parse_decoder,
    parse_inputs,
)
from belvedere.cli.console import note, number, progress_bar, say, say_json, table
from belvedere.cli.figures import ratio_text
from belvedere.cli.options import ENGINES, json_option
from belvedere.cli.outputs import make_folder, prepare_artifact_path


@click.command(name="compile")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="ARTIFACT",
    help="Where the artifact goes: a name ending in .tar.gz, or a folder.",
)
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write compile.html and compile.json to DIR, even where a tolerance is missed.",
)
@framework_option
@input_option
@click.option(
    "--output", "outputs", multiple=True, metavar="NAME", help="Keep only this output. May be repeated, in order."
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default=None,
    help="What it computes in, see the manual  [default: f32].",
)
@click.option(
    "--calibrate",
    type=click.Path(exists=True, path_type=Path),
    metavar="PICTURES",
    help="Pictures for int8: a folder, a picture, a dataset's manifest, or .npz files.",
)
@click.option(
    "--samples",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Labelled pictures, one folder a class: their accuracy decides, and int8 is chosen layer by layer.",
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    metavar="LOSS",
    help="Loss of that accuracy that is accepted.",
)
@click.option("--target", type=click.Choice(TARGETS), default="cpu", show_default=True, help="What shall run it.")
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="What runs it on processors; auto measures which is faster here.",
)
@binding_options
@click.option(
    "--signature",
    metavar="NAME",
    help="Signature of a TensorFlow SavedModel  [default: serving_default, or the only one].",
)
@click.option("--dynamic-batch", is_flag=True, help="Let it take any number of pictures a call, if it can.")
@click.option("--uint8-input", is_flag=True, help="Let it take bytes; the normalisation moves into the network.")
@click.option("--layout", type=click.Choice(["NCHW", "NHWC"]), default=None, help="Axes of its picture input.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Largest accepted error of an output  [default: the precision's own].",
)
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="A further option of one framework.")
@click.option("--name", help="What to call the model  [default: its file's name].")
@json_option
def command(
    *,
    model: Path,
    out: Path,
    report: Path | None,
    inputs: tuple[str, ...],
    layout: str | None,
    decoder: str | None,
    options: tuple[str, ...],
    as_json: bool,
    **rest: Any,
) -> int:
    """Compile a model of another framework to an artifact that runs fast anywhere.

    MODEL is a model file, a folder, or an archive as SageMaker Neo and Panorama took them. The framework that made
    it need not be installed, except where the command says so. The artifact's outputs are compared with the
    model's own; over a tolerance nothing is written and the layer that drifted is named.

    \b
    Examples:
      belvedere compile model.tar.gz --out net.tar.gz --input data=1x3x512x512 --report report/
      belvedere compile net.onnx --out net.tar.gz --precision int8 --calibrate boards/ --labels coco80
    """
    prepare_artifact_path(out)
    if report is not None:
        make_folder(report, "--report")
    from belvedere.compiler.compile import compile as compile_model
    from belvedere.compiler.report.report import JSON_NAME

    rest = {key: value for key, value in rest.items() if value is not None and value != ()}
    with progress_bar() as progress:
        artifact = compile_model(
            model,
            inputs=parse_inputs(inputs),
            decoder=parse_decoder(decoder),
            layout=layout or "",
            options=dict(_pair(text) for text in options),
            report=report,
            progress=progress,
            **rest,
        )
    artifact.save(out)
    found = json.loads(bytes(artifact.reports[JSON_NAME]))
    if as_json:
        say_json({**found, "artifact": str(out)})
    else:
        for line in report_lines(found):
            say(line)
        say(f"  artifact        {out}")
    note(f"held against {found['reference']}")
    for text in found["notes"]:
        note(text)
    if report is not None:
        note(f"report: {report / 'compile.html'}")
    return 0


def report_lines(found: dict[str, Any]) -> list[str]:
    """A compile report for people: precision, engine, speed, size, parity."""
    lines = [
        f"{found['name']}: from {found['framework']}, {found['precision']} for {found['target']}, {found['verdict']}",
        f"  engine          {found['engine']} ({found['engine_reason']})",
    ]
    if not found["tried"]:
        lines.append(f"  not tried       {found['target']}: {found['why_not']}")
    if found["after"] and found["before"]:
        now, then = found["after"]["p50_ms"], found["before"]["p50_ms"]
        ratio = ratio_text(found["speed_ratio"], now, then)
        lines.append(f"  speed           {number(now, 2)} ms a call, {number(then, 2)} ms before: {ratio}")
    sizes = [f"{found[key] / 2**20:.2f} MiB" for key in ("size_after", "size_before")]
    lines.append(f"  size            {sizes[0]}, {sizes[1]} before")
    if found["task"]:
        task = found["task"]
        before = f", {number(task['before'], 4)} before" if task["labelled"] else ""
        lines.append(f"  task            {task['metric']} {number(task['after'], 4)}{before}, on {task['on']}")
    rows = [[output["name"], _small(output["error"]), _small(output["tolerance"])] for output in found["outputs"]]
    lines += [f"  {line}" for line in table(rows, header=["output", "error", "allowed"])]
    return lines


def _small(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}"


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise click.BadParameter(f"'{text}' is not of the form NAME=VALUE.", param_hint="'--option'")
    return name, value
