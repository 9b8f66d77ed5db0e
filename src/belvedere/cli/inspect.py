"""``belvedere inspect``: what an artifact holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from belvedere.cli.console import note, say, say_json
from belvedere.cli.figures import ratio_text
from belvedere.cli.options import json_option
from belvedere.cli.summary import model_lines

if TYPE_CHECKING:
    from belvedere.runtime import Artifact

_SHOWN = 12


@click.command(name="inspect")
@click.argument("artifact")
@click.option(
    "--graph",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.svg",
    help="Draw the network as a picture for the browser.",
)
@json_option
def command(*, artifact: str, graph: Path | None, as_json: bool) -> int:
    """Show what a model is: task, inputs, outputs, operators, size, precision, how it was made, and its digest.

    Of a compiled model also how near it is to its source and how fast it was where it was made. Every file of the
    artifact is verified on the way. --json prints the manifest, with operators and reports.
    """
    from belvedere.zoo import open_artifact

    loaded = open_artifact(artifact)
    operators = network_operators(loaded, graph)
    if as_json:
        found: dict[str, Any] = {**loaded.manifest.model_dump(mode="json"), "digest": loaded.digest}
        found["operators"] = operators
        report = compile_report(loaded)
        if report is not None:
            found["report"] = report
        say_json(found)
    else:
        for line in model_lines(loaded):
            say(line)
        say(f"  operators       {operators_text(operators)}")
        report = compile_report(loaded)
        for line in parity_lines(report) if report is not None else []:
            say(line)
    if graph is not None:
        note(f"graph: {graph}")
    return 0


def network_operators(artifact: Artifact, graph: Path | None = None) -> dict[str, int]:
    """How often each operator is in the network; with ``graph`` the network is drawn to that file as well."""
    from belvedere.compiler.graph_view.graph import graph_boxes, operator_counts
    from belvedere.compiler.graph_view.svg import draw_graph
    from belvedere.compiler.pipeline.artifact import load_network
    from belvedere.core.files import write_text

    network = load_network(artifact)
    if graph is not None:
        title = f"{artifact.manifest.name}: {artifact.manifest.task}, {artifact.manifest.precision}"
        write_text(graph, draw_graph(graph_boxes(network), title))
    return operator_counts(network)


def operators_text(operators: dict[str, int]) -> str:
    """Operators for people: how many, then the most frequent."""
    shown = [f"{count} {name}" for name, count in list(operators.items())[:_SHOWN]]
    more = len(operators) - len(shown)
    return f"{sum(operators.values())}: {', '.join(shown)}" + (f" and {more} other kinds" if more > 0 else "")


def compile_report(artifact: Artifact) -> dict[str, Any] | None:
    """What compiling found out, as JSON values; None where the artifact was not compiled."""
    from belvedere.compiler.report.report import JSON_NAME

    try:
        found = json.loads(bytes(artifact.reports[JSON_NAME]))
    except (KeyError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def parity_lines(report: dict[str, Any]) -> list[str]:
    """Parity and speed of a compiled model."""
    lines = []
    outputs = [one for one in report.get("outputs", ()) if one.get("error") is not None]
    if outputs:
        worst = max(outputs, key=lambda one: one["error"])
        error = f"{worst['error']:.2g} in output '{worst['name']}', {worst['tolerance']:.2g} allowed"
        lines.append(f"  parity          largest error {error}")
    if report.get("task"):
        task = report["task"]
        before = f", {task['before']:.4f} before" if task.get("labelled") else ""
        on = f", on {task['on']}" if task.get("on") else ""
        lines.append(f"  task            {task['metric']} {task['after']:.4f}{before}{on}")
    if report.get("after"):
        now, then = report["after"]["p50_ms"], (report.get("before") or {}).get("p50_ms")
        ratio = f", {ratio_text(then / now, now, then)}, against its source" if then else ""
        cpu = report.get("machine", {}).get("cpu", "another machine")
        lines.append(f"  speed           {report['after']['p50_ms']:.2f} ms a call{ratio} (measured on {cpu})")
    if report.get("reference"):
        lines.append(f"  held against    {report['reference']}")
    if report.get("tried") is False:
        lines.append(f"  not tried       {report['target']}: {report['why_not']}")
    return lines
