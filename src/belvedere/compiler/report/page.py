"""The compile report as one HTML file: no scripts, no fonts, no requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from belvedere._version import __version__
from belvedere.compiler.report.machine import describe
from belvedere.compiler.report.overhead import OVERHEAD_MS

if TYPE_CHECKING:
    from belvedere.compiler.report.report import CompileReport

_PASSES = {
    "nodes_before": "operators before",
    "nodes_after": "operators after",
    "batch_norms_folded": "batch normalisations folded",
    "dead_nodes": "operators that led to no output",
    "weights_as_f16": "weights stored as float16",
    "inputs": "inputs",
}


def render_page(report: CompileReport) -> str:
    """The whole page. Names of models, outputs and operators are escaped."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        # The style sheet is that of the evaluation report.
        loader=ChoiceLoader(
            [
                PackageLoader("belvedere.compiler.report", "templates"),
                PackageLoader("belvedere.evaluation", "templates"),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(small=small, mebibytes=mebibytes)
    return environment.get_template("compile.html").render(
        report=report,
        version=__version__,
        machine=describe(dict(report.machine)),
        passes=_passes(report.passes),
        operators=list(report.operators.items()),
        headline=headline(report),
    )


def headline(report: CompileReport) -> str:
    """The most important in one sentence."""
    if not report.ok:
        return report.verdict
    speed = ""
    if report.ratio is not None and report.after is not None and report.before is not None:
        speed = f", {report.after.p50_ms:.1f} ms a call"
        if max(report.after.p50_ms, report.before.p50_ms) >= OVERHEAD_MS:
            speed += f", {report.ratio:.2f} times as fast as the source"
    return f"Within tolerance in {report.precision}{speed}"


def small(value: Any) -> str:
    """An error for people."""
    return "–" if value is None else "0" if value == 0 else f"{value:.2g}"


def mebibytes(size: int) -> str:
    """A size for people."""
    return f"{size / 2**20:.2f} MiB"


def _passes(found: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(_PASSES.get(key, key.replace("_", " ")), value) for key, value in found.items()]
