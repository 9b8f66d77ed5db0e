"""The process that converts a SavedModel or a frozen graph to ONNX: ``python -m`` this module; see ``tf2onnx_form``."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from belvedere.compiler.declared_ports import Bound, Own, bare, bind, declared_inputs
from belvedere.compiler.importers.tensorflow.frozen_graph import read_nodes, select_outputs
from belvedere.compiler.importers.tensorflow.harmless import make_harmless
from belvedere.compiler.importers.tensorflow.saved_model import read_saved_model, select_signature
from belvedere.compiler.protobuf_wire import length_field
from belvedere.compiler.tf2onnx_form.worker import OPSET, Ends, serve
from belvedere.core.errors import CompileError

if TYPE_CHECKING:
    import onnx

_TAG = "serve"


def convert(job: dict[str, Any], scratch: Path) -> Ends:
    """Convert the model at ``job['path']``.

    Raises:
        CompileError: see ``tf2onnx_form.loading.load_as_onnx``.
    """
    path = Path(job["path"])
    return _saved_model(path, job, scratch) if path.is_dir() else _frozen_graph(path, job)


def _saved_model(folder: Path, job: dict[str, Any], scratch: Path) -> Ends:
    model = read_saved_model(folder / "saved_model.pb")
    name = select_signature(model, job["signature"], folder)
    notes = [] if job["signature"] == name else [f"the SavedModel's only signature '{name}' was taken"]
    signature = model.signatures[name]
    graph = importlib.import_module("tensorflow").compat.v1.MetaGraphDef.FromString(bytes(model.meta_graph))
    described = graph.signature_def[name].inputs
    own = [_own(key, described[key].dtype, described[key].tensor_shape, folder) for key in sorted(signature.inputs)]
    bound, said = bind(own, declared_inputs(job["inputs"]), folder)
    names = sorted(signature.outputs)
    if missing := [entry for entry in job["outputs"] if entry not in names]:
        raise CompileError(f"{folder}: no outputs {', '.join(missing)} in the signature; it has {', '.join(names)}")
    outputs = job["outputs"] or names
    make_harmless(graph.graph_def, folder, _translated())
    copy = _copied(graph, folder, scratch)
    facts = {"tensorflow_version": model.version, "signature": name}
    if graph.HasField("object_graph_def"):
        network, inputs, ends = _from_function(copy, name, bound, outputs)
        return Ends(network, inputs, ends, (*notes, *said), facts)
    inputs = [(entry, signature.inputs[entry.own.name]) for entry in bound]
    ends = [(key, signature.outputs[key]) for key in outputs]
    frozen = _frozen_session(copy, inputs, ends)
    return Ends(_from_graph(frozen, inputs, ends), inputs, ends, (*notes, *said), facts)


def _copied(graph: Any, folder: Path, scratch: Path) -> Path:
    """A SavedModel of that one graph, with the files of another one."""
    copy = scratch / "saved_model"
    for part in ("variables", "assets"):
        if (folder / part).is_dir():
            shutil.copytree(folder / part, copy / part)
    copy.mkdir(exist_ok=True)
    (copy / "saved_model.pb").write_bytes(b"\x08\x01" + length_field(2, graph.SerializeToString()))
    return copy


def _from_function(
    folder: Path, signature: str, bound: Sequence[Bound], outputs: Sequence[str]
) -> tuple[onnx.ModelProto, list[tuple[Bound, str]], list[tuple[str, str]]]:
    """The network of a signature of TensorFlow 2, with the tensors of its inputs and outputs."""
    tensorflow = importlib.import_module("tensorflow")
    model = tensorflow.saved_model.load(str(folder), tags=[_TAG])  # its variables live as long as it does
    function = model.signatures[signature]
    keys = [entry.own.name for entry in bound]
    specifications = [
        tensorflow.TensorSpec(_axes(entry.own.shape if entry.shape is None else entry.shape), entry.own.dtype, name)
        for name, entry in ((f"input_{at}", entry) for at, entry in enumerate(bound))
    ]

    def call(*values: Any) -> list[Any]:
        results = function(**dict(zip(keys, values, strict=True)))
        return [tensorflow.identity(results[name]) for name in outputs]

    called = tensorflow.function(call, input_signature=specifications, autograph=False)
    converter = importlib.import_module("tf2onnx.convert")
    network, _ = converter.from_function(called, input_signature=specifications, opset=OPSET)
    inputs = [(entry, f"input_{at}") for at, entry in enumerate(bound)]
    return network, inputs, list(zip(outputs, (value.name for value in network.graph.output), strict=True))


def _frozen_session(folder: Path, inputs: Sequence[tuple[Bound, str]], outputs: Sequence[tuple[str, str]]) -> Any:
    """The graph of a SavedModel of TensorFlow 1, with its variables as constants."""
    tensorflow = importlib.import_module("tensorflow").compat.v1
    loader = importlib.import_module("tf2onnx.tf_loader")
    with tensorflow.Graph().as_default(), tensorflow.Session() as session:
        tensorflow.saved_model.loader.load(session, [_TAG], str(folder))
        return loader.freeze_session(session, [tensor for _, tensor in inputs], [tensor for _, tensor in outputs])


def _frozen_graph(path: Path, job: dict[str, Any]) -> Ends:
    content = path.read_bytes()
    outputs = select_outputs(read_nodes(memoryview(content), path), job["outputs"], path)
    graph = importlib.import_module("tensorflow").compat.v1.GraphDef.FromString(content)
    make_harmless(graph, path, _translated())
    places = [node for node in graph.node if node.op == "Placeholder"]
    own = [
        _own(node.name, node.attr["dtype"].type, node.attr["shape"].shape if "shape" in node.attr else None, path)
        for node in places
    ]
    bound, notes = bind(own, declared_inputs(job["inputs"]), path)
    inputs = [(entry, f"{entry.own.name}:0") for entry in bound]
    return Ends(_from_graph(graph, inputs, outputs), inputs, outputs, notes)


def _from_graph(graph: Any, inputs: Sequence[tuple[Bound, str]], outputs: Sequence[tuple[str, str]]) -> Any:
    """The ONNX model of a frozen graph, whose placeholders get the declared shapes first."""
    shapes = {tensor.rpartition(":")[0]: entry.shape for entry, tensor in inputs if entry.shape is not None}
    for node in graph.node:
        if node.name in shapes and node.op == "Placeholder":
            node.attr.pop("_output_shapes", None)
            node.attr["shape"].shape.unknown_rank = False
            del node.attr["shape"].shape.dim[:]
            for axis in shapes[node.name]:
                node.attr["shape"].shape.dim.add(size=axis)
    model, _ = importlib.import_module("tf2onnx.convert").from_graph_def(
        graph,
        name="network",
        input_names=[tensor for _, tensor in inputs],
        output_names=list(dict.fromkeys(tensor for _, tensor in outputs)),
        opset=OPSET,
    )
    return model


def _translated() -> frozenset[str]:
    """Names of the operators that tf2onnx translates one by one."""
    importlib.import_module("tf2onnx.tfonnx")  # which registers them
    mapping = importlib.import_module("tf2onnx.handler").tf_op.create_mapping(OPSET, None)
    return frozenset(mapping)


def _own(name: str, kind: int, shape: Any, where: Path) -> Own:
    """An input, from its element type and shape as TensorFlow's messages hold them."""
    dtype = np.dtype(importlib.import_module("tensorflow").dtypes.as_dtype(kind).as_numpy_dtype)
    if dtype.kind not in "biuf":
        raise CompileError(
            f"{where}: input '{bare(name)}' is no tensor of numbers: give the network its picture decoded"
        )
    axes = None if shape is None or shape.unknown_rank else tuple(int(axis.size) for axis in shape.dim)
    return Own(name, axes, str(dtype))


def _axes(shape: Sequence[int] | None) -> list[int | None] | None:
    return None if shape is None else [None if axis < 0 else axis for axis in shape]


if __name__ == "__main__":
    serve(convert)
