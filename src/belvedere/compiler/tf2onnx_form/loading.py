"""Asking for a model of TensorFlow or TFLite as ONNX, for engines and targets that run nothing else."""

from __future__ import annotations

import dataclasses
import importlib.util
import tempfile
from pathlib import Path

from belvedere.compiler.declared_ports import declared_as_json, declared_inputs
from belvedere.compiler.importers.onnx.importer import import_model, read_model
from belvedere.compiler.importing import Imported, Request
from belvedere.compiler.isolation.process import run_isolated
from belvedere.core.errors import MissingExtraError
from belvedere.core.limits import DEFAULT_LIMITS, Limits

_PACKAGES = ("tensorflow", "tf2onnx")


def wants_onnx(request: Request) -> bool:
    """Whether the network has to become ONNX, and not an OpenVINO model."""
    return request.options.get("format") == "onnx"


def has_extra() -> bool:
    """Whether the packages of the [tensorflow] extra are installed; none of them is imported."""
    return all(importlib.util.find_spec(package) is not None for package in _PACKAGES)


def load_as_onnx(
    framework: str, module: str, path: Path, request: Request, *, limits: Limits = DEFAULT_LIMITS
) -> Imported:
    """Read a SavedModel, a frozen graph or a TFLite file as ONNX of opset 17.

    Inputs and outputs have the names, shapes, element types and order that they have as an OpenVINO model.
    TensorFlow runs in a process of its own with bounded time and memory, without graphics cards.

    Args:
        framework: ``tensorflow`` or ``tflite``.
        module: What converts it: a module that ends in ``worker.serve``.
        path: The SavedModel's folder, or the file.
        request: What the user said.
        limits: Bounds on the process.

    Raises:
        CompileError: see ``tensorflow.load`` and ``tflite.load``; operators that tf2onnx does not know.
        LimitError: it takes more time or memory than the limits allow.
        MissingExtraError: TensorFlow or tf2onnx is not installed.
    """
    if not has_extra():
        raise MissingExtraError(
            f"A model of {framework} as ONNX, for the target nvidia or the engine onnxruntime,", "tensorflow"
        )
    job = {
        "path": str(path),
        "inputs": declared_as_json(request.inputs),
        "outputs": list(request.outputs),
        "signature": request.signature,
    }
    with tempfile.TemporaryDirectory(prefix="belvedere-") as folder:
        answer = run_isolated(module, job, path, Path(folder), limits=limits)
        model = read_model(Path(folder) / "model.onnx")
    wanted = Request(inputs=declared_inputs(answer["inputs"]))
    imported = import_model(model, wanted, str(path), framework=framework, notes=answer["notes"])
    return dataclasses.replace(imported, provenance={**imported.provenance, **answer["provenance"]})
