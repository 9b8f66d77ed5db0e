"""The process that converts a TFLite file: ``python -m`` this module; see ``openvino_form.process``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from belvedere.compiler.declared_ports import bare, bind, declared_inputs
from belvedere.compiler.importers.tflite.detection_decoder import append_decoder
from belvedere.compiler.importers.tflite.detection_options import read_detection_options
from belvedere.compiler.importers.tflite.schema import Graph, Operator, Tensor, read_graph, without_operator
from belvedere.compiler.openvino_form.front_end import FrontEnd
from belvedere.compiler.openvino_form.ports import dtype_of, finish, source
from belvedere.compiler.openvino_form.process import Outcome, serve
from belvedere.core.errors import CompileError
from belvedere.runtime.engine_imports import import_openvino

if TYPE_CHECKING:
    import openvino

_DETECTION = "TFLite_Detection_PostProcess"


def convert(job: dict[str, Any], scratch: Path) -> Outcome:
    """Convert the TFLite file at ``job['path']``.

    Raises:
        CompileError: see ``tflite.load``.
    """
    path = Path(job["path"])
    graph = read_graph(path)
    detection = _detection(graph, path)
    kept = graph.outputs if detection is None else _outputs_without(graph, detection, path)
    readable = path
    if detection is not None:
        readable = scratch / "cut.tflite"
        readable.write_bytes(without_operator(graph, detection, kept))
    reader = FrontEnd("tflite", readable)
    places = {own.name: (own, place) for own, place in reader.inputs()}
    ordered = [places[graph.tensors[number].name][0] for number in graph.inputs if graph.tensors[number].name in places]
    bound, notes = bind(ordered, declared_inputs(job["inputs"]), path)
    reader.set_shapes(bound, {name: place for name, (_, place) in places.items()})
    network = reader.convert({str(operator.index): operator.kind for operator in graph.operators})
    ports = dict(zip(kept, _ports(network, kept, graph), strict=True))
    if detection is not None:
        try:
            ports |= _decoded(graph, detection, ports)
        except CompileError as error:
            raise CompileError(f"{path}: {error}") from None
    inputs = {name: port for port in network.inputs for name in port.get_names()}
    found = [(entry, inputs[entry.own.name]) for entry in bound if entry.own.name in inputs]
    outputs = [(bare(graph.tensors[number].name), ports[number]) for number in graph.outputs]
    finished, renamed = finish(network, found, _selected(outputs, job["outputs"], path), path)
    return Outcome(finished, (*notes, *renamed))


def _detection(graph: Graph, path: Path) -> Operator | None:
    """The detection operator, if there is one.

    Raises:
        CompileError: other custom operators (all are listed), or a detection operator in the midst of the graph.
    """
    customs = [operator for operator in graph.operators if operator.custom]
    unknown = sorted({operator.kind for operator in customs} - {_DETECTION})
    if unknown:
        raise CompileError(f"{path}: custom operators that cannot be translated: {', '.join(unknown)}")
    if not customs:
        return None
    results = set(customs[0].outputs)
    used = any(results.intersection(operator.inputs) for operator in graph.operators)
    if len(customs) > 1 or used or len(customs[0].inputs) != 3 or len(results) != 4:
        raise CompileError(f"{path}: {_DETECTION} is only translated as the last operator, once, 3 inputs to 4 outputs")
    return customs[0]


def _outputs_without(graph: Graph, detection: Operator, path: Path) -> tuple[int, ...]:
    """What the graph puts out once the detection operator is gone: the other outputs, and what the operator reads."""
    if -1 in detection.inputs or len(graph.tensors[detection.inputs[2]].content) == 0:
        raise CompileError(f"{path}: {_DETECTION} reads anchors that are no constant; that is not translated")
    others = [number for number in graph.outputs if number not in detection.outputs]
    return tuple(dict.fromkeys([*others, *detection.inputs[:2]]))


def _ports(network: openvino.Model, numbers: tuple[int, ...], graph: Graph) -> list[Any]:
    """The network's ports for these tensors: outputs come in the file's order, and names confirm it."""
    if len(network.outputs) != len(numbers):
        raise CompileError(f"{len(numbers)} outputs in the file became {len(network.outputs)}")
    named = {name: port for port in network.outputs for name in port.get_names()}
    # An input that goes out as it is would be quantised once more.
    named |= {name: port for port in network.inputs for name in port.get_names()}
    return [named.get(graph.tensors[number].name, port) for number, port in zip(numbers, network.outputs, strict=True)]


def _decoded(graph: Graph, detection: Operator, ports: dict[int, Any]) -> dict[int, Any]:
    options = read_detection_options(detection.options)
    encodings, scores = (_as_float(source(ports[number]), graph.tensors[number]) for number in detection.inputs[:2])
    anchors = graph.tensors[detection.inputs[2]].value()
    return dict(zip(detection.outputs, append_decoder(encodings, scores, anchors, options), strict=True))


def _as_float(value: Any, tensor: Tensor) -> Any:
    """The value in float32, dequantised as the detection operator does it."""
    if dtype_of(value.get_element_type()) == "float32":
        return value
    opset = import_openvino().opset13
    if tensor.scale is None:
        raise CompileError(f"the tensor '{tensor.name}' of type {tensor.dtype} has no scale")
    centred = opset.subtract(opset.convert(value, np.float32), np.float32(tensor.zero_point))
    return opset.multiply(centred, np.float32(tensor.scale)).output(0)


def _selected(outputs: list[tuple[str, Any]], wanted: list[str], path: Path) -> list[tuple[str, Any]]:
    """The wanted outputs in the wanted order; all where none are named."""
    if not wanted:
        return outputs
    ports = dict(outputs)
    missing = [name for name in wanted if bare(name) not in ports]
    if missing:
        raise CompileError(f"{path}: no outputs {', '.join(missing)}; the model has {', '.join(ports)}")
    return [(name, ports[bare(name)]) for name in wanted]


if __name__ == "__main__":
    serve(convert)
