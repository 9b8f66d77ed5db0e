"""Putting together what a compile run found out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from belvedere._version import __version__
from belvedere.compiler.graph_view.graph import operator_counts
from belvedere.compiler.importing import DEFAULT_SIGNATURE, Imported
from belvedere.compiler.parity.engines import EngineChoice
from belvedere.compiler.parity.judge import OutputParity, as_json, sentence
from belvedere.compiler.parity.speed import Speed
from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.pipeline.inputs import Plan
from belvedere.compiler.pipeline.measure import Tried
from belvedere.compiler.pipeline.network import Finished, size_of
from belvedere.compiler.pipeline.options import CompileOptions, request_of
from belvedere.compiler.precision import MEANING, arithmetic
from belvedere.compiler.report.machine import machine
from belvedere.compiler.report.report import CompileReport, TaskParity
from belvedere.runtime import Artifact

_OF_WORST = "The error is the largest difference as a share of the largest value."
_OF_ALL = "The error is the root mean square of the difference as a share of the output's."


def provenance_of(options: CompileOptions, imported: Imported, finished: Finished, plan: Plan) -> dict[str, Any]:
    """Facts for the manifest: no host, path, time or measurement, so that equal runs give equal artifacts.

    They tell how the source was imported and its input changed, so that ``compare`` can do it again.
    """
    facts: dict[str, Any] = {"belvedere": __version__, "framework": imported.framework, **finished.facts}
    facts["source_inputs"] = [
        {"name": port.name, "shape": list(port.shape), "dtype": port.dtype} for port in imported.inputs
    ]
    request = request_of(options)
    asked = {
        "outputs": list(request.outputs),
        "arch": request.arch,
        "signature": request.signature if request.signature != DEFAULT_SIGNATURE else None,
        "options": dict(request.options),
    }
    facts["request"] = {key: value for key, value in asked.items() if value}
    if plan.adaption is not None:
        found = asdict(plan.adaption)
        facts["adaption"] = {**found, "mean": list(plan.adaption.mean), "std": list(plan.adaption.std)}
    if finished.quantisation is not None:
        facts["quantisation"] = dict(finished.quantisation)
    found = {"source": dict(imported.provenance), "compile": facts}
    return {**found, "binding": dict(plan.bound)} if plan.bound else found


def assemble(
    options: CompileOptions,
    imported: Imported,
    finished: Finished,
    choice: EngineChoice,
    tried: Tried,
    *,
    artifact: Artifact,
    outputs: Sequence[OutputParity],
    task: TaskParity | None,
    speeds: tuple[Speed, Speed] | None,
    size_before: int,
    counts: Mapping[str, int],
    notes: Sequence[str],
) -> CompileReport:
    """The report of a run.

    With labelled samples a reduced precision is judged by the task's figure alone, else by every output, and where
    there are samples by how far the results agree.
    """
    engine = tried.model.engine
    by_task = task is not None and task.labelled and options.precision != "f32"
    same = task is None or task.labelled or task.ok
    ok = task.ok if task is not None and by_task else same and all(output.ok for output in outputs)
    return CompileReport(
        name=artifact.manifest.name,
        digest=artifact.digest,
        framework=imported.framework,
        precision=options.precision,
        meaning=MEANING[options.precision],
        target=options.target,
        tried=tried.target,
        why_not=tried.why_not,
        engine=f"{engine.name} {engine.version} on {engine.device}, computing in "
        f"{arithmetic(options.precision, engine.computes)}",
        engine_reason=choice.reason,
        gate=choice.gate,
        measure=_OF_WORST if options.precision == "f32" else _OF_ALL,
        outputs=tuple(as_json(outputs)),
        inputs=dict(counts),
        task=task,
        before=speeds[0] if speeds else None,
        after=speeds[1] if speeds else None,
        size_before=size_before,
        size_after=size_of(finished.network),
        passes=finished.facts,
        quantisation=finished.quantisation,
        operators=operator_counts(finished.network),
        machine=machine(),
        notes=tuple(dict.fromkeys((*imported.notes, *finished.notes, *notes, *_precision_notes(options, engine)))),
        ok=ok,
        verdict=_verdict(ok, by_task, outputs, task, options),
        reference=reference_of(imported),
    )


def reference_of(imported: Imported) -> str:
    """What the artifact was held against, in words: how far that is the model as its framework runs it."""
    engine = "ONNX Runtime" if is_onnx(imported.network) else "OpenVINO"
    if imported.framework == "onnx":
        return f"the ONNX model as it came, run by {engine} in float32"
    read = f"the network as it was read from the {imported.framework} model, run by {engine} in float32"
    if checked := imported.provenance.get("checked_against"):
        return f"{read}, after that had given what {checked} gives on seeded inputs"
    return f"{read}; {imported.framework} itself was not run"


def _precision_notes(options: CompileOptions, engine: Any) -> tuple[str, ...]:
    if options.precision != "bf16" or engine.computes == "bf16":
        return ()
    found = f"this machine's {engine.device} computed in {engine.computes}, not in bfloat16"
    return (f"{found}: what bfloat16 costs and gains was not tried here",)


def _verdict(
    ok: bool, by_task: bool, outputs: Sequence[OutputParity], task: TaskParity | None, options: CompileOptions
) -> str:
    if ok:
        return f"within tolerance in {options.precision}"
    if by_task and task is not None:
        found = (
            f"in {options.precision} the {task.metric} falls from {task.before:.4f} to {task.after:.4f}; a loss of "
            f"{options.max_drop:g} is allowed"
        )
        drifted = sentence(outputs)
        return f"{found}; {drifted}" if drifted else found
    parts = [sentence(outputs)]
    if task is not None and not task.labelled and not task.ok:
        parts.append(
            f"the results on {task.on} agree by {task.after:.2f} ({task.metric}), "
            f"{1 - (task.allowed or 0):.2f} is asked"
        )
    return (
        f"in {options.precision}: {'; '.join(filter(None, parts))}; choose a higher precision, or accept it with a "
        "larger tolerance"
    )
