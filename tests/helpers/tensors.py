"""Small networks of every form that engines read, and tensor artifacts of them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from belvedere.runtime.artifact import Artifact
from belvedere.runtime.engine_imports import import_openvino

Value = tuple[str, str, Sequence[Any]]
"""Name, NumPy element type and shape (strings are free axes) of an input or output."""


def onnx_network(
    nodes: Sequence[Any],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    weights: Mapping[str, np.ndarray] | None = None,
    *,
    opset: int = 17,
) -> bytes:
    """An ONNX file of these nodes."""
    graph = helper.make_graph(
        list(nodes),
        "net",
        [_value(*one) for one in inputs],
        [_value(*one) for one in outputs],
        [numpy_helper.from_array(values, name) for name, values in (weights or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    return bytes(model.SerializeToString())


def _value(name: str, dtype: str, shape: Sequence[Any]) -> Any:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(shape))


def node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> Any:
    """An ONNX node."""
    return helper.make_node(kind, list(inputs), list(outputs), **attributes)


def mixed_network() -> bytes:
    """Inputs of three types and ranks to outputs of three types: sum, index of the maximum, a comparison."""
    return onnx_network(
        [
            node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
            node("Mul", ["floats", "gain"], ["scaled"]),
            node("ReduceSum", ["scaled"], ["total"], keepdims=0),
            node("ArgMax", ["scaled"], ["index"], axis=1, keepdims=0),
            node("Greater", ["scaled", "gain"], ["bright"]),
            node("Add", ["offset", "offset"], ["twice"]),
        ],
        [("pixels", "uint8", [2, 4]), ("gain", "float32", []), ("offset", "int64", [3])],
        [("total", "float32", []), ("index", "int64", [2]), ("bright", "bool", [2, 4]), ("twice", "int64", [3])],
    )


def dense_network(wide: int = 8, *, seed: int = 0, free: bool = False) -> bytes:
    """``y = relu(x @ w)``, one row of ``wide`` numbers, or any number of rows."""
    weights = np.random.default_rng(seed).standard_normal((wide, wide)).astype(np.float32)
    rows = "rows" if free else 1
    return onnx_network(
        [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])],
        [("x", "float32", [rows, wide])],
        [("y", "float32", [rows, wide])],
        {"w": weights},
    )


def with_external_data(network: bytes, location: str = "net.bin") -> tuple[bytes, bytes]:
    """The network with its weights in a second file, and that file."""
    model = onnx.load_model_from_string(network)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        onnx.save_model(model, path, save_as_external_data=True, location="data", size_threshold=0)
        data = Path(folder, "data").read_bytes()
        moved = onnx.load(path, load_external_data=False)
    for weight in moved.graph.initializer:
        for entry in weight.external_data:
            if entry.key == "location":
                entry.value = location
    return bytes(moved.SerializeToString()), data


def as_ir(network: bytes, *, names: bool = True) -> tuple[bytes, bytes]:
    """The network as an OpenVINO IR, XML and weights; without ``names`` its outputs have none."""
    openvino = import_openvino()
    model = openvino.Core().read_model(network)
    if not names:
        for port in model.outputs:
            port.get_tensor().set_names(set())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.xml")
        openvino.save_model(model, path, compress_to_fp16=False)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def tensor_artifact(content: bytes, inputs: Sequence[Value], outputs: Sequence[Value], **changed: Any) -> Artifact:
    """A tensor artifact of an ONNX network; strings in shapes are free axes."""
    fields: dict[str, Any] = {
        "task": "tensor",
        "name": "net",
        "network": {"file": "network.onnx"},
        "inputs": [{"kind": "tensor", **_entry(*one)} for one in inputs],
        "outputs": [_entry(*one) for one in outputs],
        "decoder": {"kind": "tensor"},
        "files": {"network.onnx": content},
    }
    return Artifact.build(**{**fields, **changed})


def dense_artifact(wide: int = 8, *, free: bool = False, **changed: Any) -> Artifact:
    """A tensor artifact of ``dense_network``."""
    rows = "rows" if free else 1
    ports = [("x", "float32", [rows, wide])], [("y", "float32", [rows, wide])]
    return tensor_artifact(dense_network(wide, free=free), *ports, **changed)


def mixed_artifact(**changed: Any) -> Artifact:
    """A tensor artifact of ``mixed_network``."""
    return tensor_artifact(
        mixed_network(),
        [("pixels", "uint8", [2, 4]), ("gain", "float32", []), ("offset", "int64", [3])],
        [("total", "float32", []), ("index", "int64", [2]), ("bright", "bool", [2, 4]), ("twice", "int64", [3])],
        **changed,
    )


def _entry(name: str, dtype: str, shape: Sequence[Any]) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "shape": [-1 if isinstance(axis, str) else axis for axis in shape]}
