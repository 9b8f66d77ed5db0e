"""The steps of a compile run, in order: import, bind, clean up, lower the precision, choose the engine, measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from belvedere.compiler.importing import Imported
from belvedere.compiler.parity.agreement import LEAST_SAME, metric_of
from belvedere.compiler.parity.feeds import Sample, blank_inputs
from belvedere.compiler.parity.runners import Results
from belvedere.compiler.passes.storage import LARGE_BYTES
from belvedere.compiler.pipeline.artifact import build, check_size, plain_name
from belvedere.compiler.pipeline.engine import check_target, engine_for
from belvedere.compiler.pipeline.inputs import Plan, plan_inputs
from belvedere.compiler.pipeline.measure import (
    compare,
    compare_task,
    open_on_target,
    results_of,
    run_source,
    stages,
    time_both,
)
from belvedere.compiler.pipeline.network import cleaned, copied, lowered, size_of
from belvedere.compiler.pipeline.options import CompileOptions, request_of
from belvedere.compiler.pipeline.reading import import_whole
from belvedere.compiler.pipeline.report import assemble, provenance_of
from belvedere.compiler.pipeline.samples import GivenSample, find_samples, read_labelled, read_samples, spread
from belvedere.compiler.pipeline.selftest import selftest_of
from belvedere.compiler.quantize.post_training import MOST_CALIBRATION, Validation, check_quantisable
from belvedere.compiler.report.report import JSON_NAME, PAGE_NAME, CompileReport
from belvedere.compiler.source import open_source
from belvedere.core.errors import CompileError, EngineError
from belvedere.runtime import Artifact, Manifest

_SEEDED, _MOST_COMPARED, _MOST_AGREED, _MOST_LABELLED = 2, 8, 100, 2000
_STAGES = ("import", "run the source", "clean up", "lower the precision", "choose the engine", "compare", "measure")


@dataclass(frozen=True, eq=False)
class Compiled:
    """What a compile run gives.

    Attributes:
        artifact: The artifact, with its reports.
        report: The same figures as values; ``report.ok`` tells whether all is within tolerance.
    """

    artifact: Artifact
    report: CompileReport


@dataclass(frozen=True, eq=False)
class _Material:
    """What networks are compared and quantised with.

    Attributes:
        compared: Seeded inputs, then some samples.
        seeded: How many of them are seeded.
        calibration: For int8.
        labelled: With truths.
        given: How many samples the user handed over.
        notes: How they were found.
    """

    compared: tuple[GivenSample, ...]
    seeded: int
    calibration: tuple[GivenSample, ...]
    labelled: tuple[GivenSample, ...]
    given: int = 0
    notes: tuple[str, ...] = ()


def run(options: CompileOptions) -> Compiled:
    """Compile a model.

    Raises:
        CompileError: the model cannot be read, bound or compiled as asked. A drift over the tolerance raises nothing:
            ``report.ok`` tells.
        OptionError: an option does not fit the model.
        MissingExtraError: reading or quantising it needs a package that is not installed.
        LimitError: the model is over a stated bound.
        EngineError: no engine runs it.
    """
    _step(options, 0)
    with open_source(options.model) as opened:
        return _compiled(options, import_whole(opened, options.framework, request_of(options)))


def _compiled(options: CompileOptions, imported: Imported) -> Compiled:
    check_target(imported.network, options, imported.framework)
    check_quantisable(imported.network, options.precision)
    name = options.name or plain_name(options.model.name)
    plan = plan_inputs(imported, options)
    manifest = plan.manifest(name)
    material = _material(options, plan, manifest)

    _step(options, 1)
    size = size_of(imported.network)
    # What the clean-up changes is judged too; a very large network is not kept twice.
    original = copied(imported.network) if size < LARGE_BYTES else None
    names = [port.name for port in imported.outputs]
    every = _source_feeds(material, plan)
    try:
        expected = run_source(imported.network, names, every)
    except EngineError:
        material = _with_blanks(material, plan)
        every = _source_feeds(material, plan)
        expected = run_source(imported.network, names, every)
    first = material.compared[0].tensors
    compared = list(zip(material.compared, every, strict=True))

    _step(options, 2)
    source_first = every[0]
    exact = cleaned(imported, plan.adaption, dynamic_batch=options.dynamic_batch, picture=first)
    plan = plan.finished(exact)

    _step(options, 3)
    finished = lowered(
        exact,
        options.precision,
        [one.tensors for one in material.calibration],
        _validation(options, manifest, material.labelled),
    )

    check_size(finished.network)

    _step(options, 4)
    choice = engine_for(finished, options, [one.tensors for one in material.compared[:2]])

    _step(options, 5)
    facts = provenance_of(options, imported, finished, plan)
    fields: dict[str, Any] = {
        "precision": options.precision,
        "target": options.target,
        "engine": choice.engine,
        "provenance": facts,
    }
    artifact = build(finished.network, name=name, parts=plan.parts, **fields)
    tried = open_on_target(artifact)
    with tried.model as model:
        reference = finished.exact if original is None else original
        source, final = stages(reference, finished.network, precision=options.precision, engine=choice.runs_on)
        # A network before its precision was lowered takes what the finished one takes.
        samples = [Sample(one.name, one.tensors if original is None else feeds, one.tensors) for one, feeds in compared]
        outputs = compare(
            model,
            expected,
            samples,
            source,
            final,
            precision=options.precision,
            tolerance=options.tolerance,
        )
        task = compare_task(
            manifest,
            lambda one: expected.runner(plan.source_feeds(one.tensors)),
            lambda one: model.run(one.tensors),
            material.labelled or spread(material.calibration, _MOST_AGREED),
            metric=options.metric,
            allowed=options.max_drop if material.labelled else _agreeing(options),
            labelled=bool(material.labelled),
            given=material.given,
        )
        _step(options, 6)
        speeds = time_both(model, expected, Sample("", source_first, first), options.seconds)
        tested, notes = selftest_of(model, finished, first, options.precision)
        if tested is not None:
            artifact = build(finished.network, name=name, parts=plan.parts, selftest=tested, **fields)
        report = assemble(
            options,
            imported,
            finished,
            choice,
            tried,
            artifact=artifact,
            outputs=outputs,
            task=task,
            speeds=speeds,
            size_before=size,
            counts={"seeded": material.seeded, "samples": len(material.compared) - material.seeded},
            notes=(*plan.notes, *material.notes, *notes),
        )
    artifact = artifact.with_report(JSON_NAME, report.to_json()).with_report(PAGE_NAME, report.page())
    _step(options, len(_STAGES))
    return Compiled(artifact, report)


def _agreeing(options: CompileOptions) -> float | None:
    """How far results without labels may differ; a tolerance of the user's own replaces it."""
    return 1.0 - LEAST_SAME if options.tolerance is None else None


def _material(options: CompileOptions, plan: Plan, manifest: Manifest) -> _Material:
    seeded = plan.seeded(_SEEDED, manifest.name)
    labelled = () if options.samples is None else tuple(read_labelled(options.samples, manifest, _MOST_LABELLED))
    count = len(labelled)
    notes: tuple[str, ...] = ()
    if options.calibrate is not None:
        found = find_samples(options.calibrate)
        given = tuple(read_samples(found, manifest, MOST_CALIBRATION))
        notes = (f"--calibrate: {found.sentence(MOST_CALIBRATION)}",) if found.folders else ()
        count = count or len(found.entries)
    else:
        given = tuple(spread(labelled, MOST_CALIBRATION))
    _check_fit(given, plan)
    # Ranges of int8 come from the samples: on seeded noise it has nothing to keep.
    first = () if options.precision == "int8" else tuple(seeded)
    return _Material((*first, *spread(given, _MOST_COMPARED)), len(first), given, labelled, count, notes)


def _source_feeds(material: _Material, plan: Plan) -> list[dict[str, Any]]:
    """What the source network takes, one entry a sample that is compared."""
    return [plan.source_feeds(one.tensors) for one in material.compared]


def _with_blanks(material: _Material, plan: Plan) -> _Material:
    """Zeros instead of random numbers for what is no picture: a network may refuse boxes or indices out of bounds."""
    seeded = [
        replace(one, tensors=blank_inputs(plan.ports, one.tensors)) for one in material.compared[: material.seeded]
    ]
    return replace(material, compared=(*seeded, *material.compared[material.seeded :]))


def _validation(options: CompileOptions, manifest: Manifest, labelled: Sequence[GivenSample]) -> Validation | None:
    """How a candidate of quantisation is judged by labelled samples; None without such, or for other precisions."""
    if options.precision != "int8" or not labelled:
        return None
    judge = options.metric if options.metric is not None else metric_of(manifest.task)[1]
    names = [output.name for output in manifest.outputs]

    def score(numbers: Sequence[int], outputs: Sequence[Results]) -> float:
        some = [labelled[number] for number in numbers]
        results = results_of(manifest, [_ordered(found, names) for found in outputs], some)
        return float(judge(results, [one.truth for one in some]))

    return Validation([one.tensors for one in labelled], score, options.max_drop)


def _ordered(found: Results, names: Sequence[str]) -> list[Any]:
    """Outputs in the manifest's order; by place where the quantiser calls them otherwise."""
    return [found[name] for name in names] if all(name in found for name in names) else list(found.values())


def _check_fit(samples: Sequence[GivenSample], plan: Plan) -> None:
    """Refuse tensors that the network does not take; the message shows what it takes."""
    wanted = {port.name: port for port in plan.ports}
    listed = ", ".join(f"{port.name} {port.dtype} {list(port.shape)}" for port in plan.ports)
    for sample in samples:
        if sample.tensors.keys() != wanted.keys():
            raise CompileError(f"{sample.name}: tensors {', '.join(sample.tensors)}; the network takes {listed}")
        for name, tensor in sample.tensors.items():
            shape = wanted[name].shape
            fits = tensor.ndim == len(shape) and all(a in (-1, b) for a, b in zip(shape, tensor.shape, strict=True))
            if not fits or str(tensor.dtype) != wanted[name].dtype:
                raise CompileError(
                    f"{sample.name}: tensor '{name}' is {tensor.dtype} {list(tensor.shape)}; the network takes {listed}"
                )


def _step(options: CompileOptions, number: int) -> None:
    options.progress(_STAGES[min(number, len(_STAGES) - 1)], number, len(_STAGES))
