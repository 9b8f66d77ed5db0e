"""Running imported networks on both engines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.mxnet import load
from belvedere.compiler.importing import Declared, Imported, Request, Source

ENGINES = ("onnxruntime", "openvino")


def source_of(path: Path) -> Source:
    """The source of a folder or file, as the compiler opens it."""
    if path.is_file():
        return Source(path=path, root=path.parent, files=(Path(path.name),))
    files = tuple(sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file()))
    return Source(path=path, root=path, files=files)


def imported(path: Path, inputs: Mapping[str, tuple[int, ...]] | None = None, **request: Any) -> Imported:
    """Import the model in a folder with declared inputs."""
    declared = tuple(Declared(name, tuple(shape)) for name, shape in (inputs or {}).items())
    return load(source_of(path), Request(inputs=declared, **request))


def run(engine: str, model: Imported, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """The network's outputs, in order, in exact float32."""
    names = [port.name for port in model.outputs]
    return (_onnxruntime if engine == "onnxruntime" else _openvino)(model, dict(feeds), names)


def _onnxruntime(model: Imported, feeds: dict[str, NDArray[Any]], names: list[str]) -> list[NDArray[Any]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.network.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    assert [port.name for port in session.get_outputs()] == names
    return list(session.run(names, feeds))


def _openvino(model: Imported, feeds: dict[str, NDArray[Any]], names: list[str]) -> list[NDArray[Any]]:
    import openvino

    network = openvino.Core().read_model(model.network.SerializeToString())
    properties = {"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY", "INFERENCE_NUM_THREADS": 1}
    compiled = openvino.Core().compile_model(network, "CPU", properties)
    result = compiled(feeds)
    return [np.array(result[index]) for index in range(len(names))]
