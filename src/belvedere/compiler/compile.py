"""``belvedere.compile``: from a model of another framework to an artifact."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from belvedere.compiler.pipeline.options import CompileOptions, Progress, read_inputs
from belvedere.compiler.pipeline.run import run
from belvedere.compiler.pipeline.samples import Samples
from belvedere.core.errors import CompileError
from belvedere.runtime import Artifact


def compile(  # noqa: A001  the name that users know
    model: str | os.PathLike[str],
    *,
    inputs: Any = None,
    framework: str = "auto",
    outputs: Sequence[str] = (),
    precision: str | None = None,
    calibrate: Samples | None = None,
    samples: Any = None,
    metric: Callable[[Sequence[Any], Sequence[Any]], float] | None = None,
    max_drop: float = 0.01,
    target: str = "cpu",
    engine: str = "auto",
    arch: str | None = None,
    signature: str | None = None,
    task: str | None = None,
    labels: str | os.PathLike[str] | Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    scale: float | None = None,
    color: str | None = None,
    resize: str | None = None,
    decoder: str | Mapping[str, Any] | None = None,
    dynamic_batch: bool = False,
    uint8_input: bool = False,
    layout: str = "",
    tolerance: float | None = None,
    name: str | None = None,
    seconds: float = 2.0,
    options: Mapping[str, str] | None = None,
    report: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Artifact:
    """Compile a model of another framework to an artifact.

    Example:
        >>> import belvedere as bv
        >>> art = bv.compile("model.tar.gz", inputs={"data": (1, 3, 512, 512)})  # doctest: +SKIP
        >>> art.save("net.tar.gz")  # doctest: +SKIP

    Args:
        model: A model file, a folder, or an archive as SageMaker Neo and Panorama took them.
        inputs: Shapes by input name, a DataInputConfig, a Panorama model descriptor or its path, or texts such as
            ``data=1x3x224x224``; None takes the model's own.
        framework: ``onnx``, ``pytorch``, ``tensorflow``, ``tflite``, ``keras``, ``mxnet`` or ``darknet``; ``auto``
            looks at the content.
        outputs: Names of the outputs to keep, in order; empty keeps all.
        precision: ``f32``, ``bf16``, ``f16`` or ``int8``; None for f32, or what a descriptor says.
        calibrate: Pictures for int8: a folder, a dataset's manifest, or an iterable of pictures or of tensors by name.
        samples: Labelled samples: pairs of picture and truth, or for classification a folder with one subfolder a
            class. With them the task's figure decides, and int8 is quantised with accuracy control.
        metric: Judges results by truths, the more the better; None for the task's own.
        max_drop: Loss of that figure that is accepted, absolute.
        target: ``cpu``, ``intel-gpu``, ``nvidia`` or ``npu``.
        engine: ``openvino`` or ``onnxruntime``; ``auto`` measures.
        arch: Name of an architecture, for a PyTorch state dict.
        signature: Signature of a TensorFlow SavedModel; None for ``serving_default``, or the only one.
        task: ``classification``, ``detection``, ``semantic-segmentation``, ``instance-segmentation`` or ``pose``;
            ``tensor`` binds to none; None binds where the network is recognised.
        labels: Class names: a known list's name, a file with one a line, or the names.
        mean: Subtracted from the scaled picture, one number or one per channel.
        std: Divided by at last, in the same way.
        scale: Factor on 0..255; None for 1/255 where mean and std lie within 0 to 1, else 1.
        color: ``RGB``, ``BGR`` or ``GRAY``.
        resize: ``stretch``, ``letterbox`` or ``crop``.
        decoder: Name of a family of networks whose outputs these are, or settings of the decoder by name.
        dynamic_batch: Let the network take any number of pictures a call.
        uint8_input: Let the network take bytes; the normalisation moves into it.
        layout: ``NCHW`` or ``NHWC`` for the input tensor; empty leaves it.
        tolerance: Largest accepted error of an output; None for the precision's own (``parity.tensors``).
        name: What to call the model; None for its file's name.
        seconds: How long to measure speed.
        options: Further options of one framework, by name, such as CompilerOptions of SageMaker: ``dtype`` for
            PyTorch, ``signature_def_key`` and ``output_names`` for TensorFlow.
        report: A folder to write the report to, even where the run fails on a tolerance.
        progress: Called with (stage, done, total).

    Raises:
        CompileError: the model cannot be read or compiled as asked, or drifted over its tolerance; the message says
            which output and which layer.
        OptionError: an option has no such value.
        MissingExtraError: reading or quantising it needs a package that is not installed.
        LimitError: the model is over a stated bound.
        EngineError: no engine runs it.
    """
    declared, chosen, wanted, described = read_inputs(inputs, framework)
    settings = CompileOptions(
        model=Path(model),
        inputs=declared,
        framework=chosen,
        outputs=tuple(outputs) or wanted,
        precision=precision or described or "f32",
        calibrate=calibrate,
        samples=samples,
        metric=metric,
        max_drop=max_drop,
        target=target,
        engine=engine,
        arch=arch,
        signature=signature,
        task=task,
        labels=labels,
        mean=mean,
        std=std,
        scale=scale,
        color=color,
        resize=resize,
        decoder=decoder,
        dynamic_batch=dynamic_batch,
        uint8_input=uint8_input,
        layout=layout,
        tolerance=tolerance,
        name=name,
        seconds=seconds,
        importing=dict(options or {}),
        **({} if progress is None else {"progress": progress}),
    )
    done = run(settings)
    if report is not None:
        done.report.save(report)
    if not done.report.ok:
        raise CompileError(done.report.verdict)
    return done.artifact
