"""Networks as importers give them, and bound ones run on pictures without an artifact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.binding import Bound
from belvedere.compiler.detect import choose_importer
from belvedere.compiler.importing import Declared, Imported, Port, Request
from belvedere.compiler.source import open_source
from belvedere.runtime.dispatch import decode_of, preprocess_of
from belvedere.runtime.manifest import Manifest, checked_manifest
from belvedere.vision.decode import load_image

Spec = tuple[str, Sequence[int]] | tuple[str, Sequence[int], str]


def network(
    inputs: Sequence[Spec],
    outputs: Sequence[Spec],
    *,
    framework: str = "onnx",
    makers: Sequence[str] = (),
    first: str = "Conv",
) -> Imported:
    """A network of these borders whose graph is one operator in front, and one of ``makers`` before each output."""
    from onnx import TensorProto, helper

    def port(spec: Spec) -> Port:
        return Port(spec[0], tuple(spec[1]), spec[2] if len(spec) > 2 else "float32")

    nodes = [helper.make_node(first, [port(inputs[0]).name, "constant"], ["inner"])]
    for index, spec in enumerate(outputs):
        kind = makers[index] if index < len(makers) else "Conv"
        nodes.append(helper.make_node(kind, ["inner"], [f"made{index}"]))
        nodes.append(helper.make_node("Reshape", [f"made{index}", "shape"], [spec[0]]))
    names = [helper.make_tensor_value_info(port(spec).name, TensorProto.FLOAT, None) for spec in inputs]
    graph = helper.make_graph(nodes, "net", names, [])
    graph.initializer.append(helper.make_tensor("constant", TensorProto.FLOAT, [1], [1.0]))
    return Imported(framework, helper.make_model(graph), tuple(map(port, inputs)), tuple(map(port, outputs)))


def imported(path: Path, inputs: Sequence[Declared] = ()) -> Imported:
    """A model as its importer reads it."""
    with open_source(path) as source:
        _, importer = choose_importer(source, "auto")
        return importer.load(source, Request(tuple(inputs)))


def manifest_of(bound: Bound, outputs: Sequence[Port]) -> Manifest:
    """The manifest of a bound network whose file is empty."""
    plain = {
        **bound.parts(outputs),
        "name": "net",
        "network": {"file": "model.onnx"},
        "files": {"model.onnx": {"sha256": "0" * 64, "bytes": 0}},
    }
    return checked_manifest(plain, "m")


def predictor(network: Imported, bound: Bound, *, threshold: float | None = None) -> Callable[[Any], Any]:
    """From a picture to the typed result, the network run in float32: ONNX by ONNX Runtime, others by OpenVINO."""
    run = runner_of(network)
    manifest = manifest_of(bound, network.outputs)
    preprocess, decode = preprocess_of(manifest), decode_of(manifest, threshold=threshold)
    names = [port.name for port in network.outputs]

    def predict(source: Any) -> Any:
        image: NDArray[np.uint8] = load_image(source)
        return decode(dict(zip(names, run(preprocess.apply(image)), strict=True)), image, None)

    return predict


def runner_of(network: Imported) -> Callable[[NDArray[Any]], list[NDArray[Any]]]:
    """Runs the bare network in float32."""
    if hasattr(network.network, "graph"):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(network.network.SerializeToString(), options)
        names = [port.name for port in network.outputs]
        return lambda tensor: list(session.run(names, {network.inputs[0].name: tensor}))
    import openvino

    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = openvino.Core().compile_model(network.network, "CPU", hints)
    return lambda tensor: list(compiled(tensor).values())
