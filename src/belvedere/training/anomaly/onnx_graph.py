"""Building an ONNX graph node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET = 18
IR_VERSION = 9


class GraphBuilder:
    """Collects nodes and constants; every method returns the names of what it adds.

    Names are numbered in the order of the calls, so that equal calls give equal bytes.
    """

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, value: NDArray[Any]) -> str:
        """Add a constant tensor."""
        from onnx import numpy_helper

        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def floats(self, *values: float) -> str:
        """Add a float32 vector, or a scalar for one value."""
        return self.constant(np.array(values if len(values) > 1 else values[0], np.float32))

    def ints(self, *values: int) -> str:
        """Add an int64 vector."""
        return self.constant(np.array(values, np.int64))

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        return self.nodes(op, 1, *inputs, **attributes)[0]

    def nodes(self, op: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with several outputs."""
        from onnx import helper

        names = [f"n{len(self._nodes)}_{index}" for index in range(outputs)]
        self._nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names

    def include(self, network: bytes, image: str, output: str = "features") -> str:
        """Copy a one-input network into the graph, fed with ``image``; returns its output's name."""
        import onnx

        graph = onnx.load_model_from_string(network).graph
        prefix = f"b{len(self._nodes)}_"
        rename = {graph.input[0].name: image, "": ""}
        for tensor in graph.initializer:
            rename[tensor.name] = prefix + tensor.name
            tensor.name = rename[tensor.name]
            self._constants.append(tensor)
        for node in graph.node:
            for index, name in enumerate(node.input):
                node.input[index] = rename[name]
            for index, name in enumerate(node.output):
                rename[name] = prefix + name
                node.output[index] = rename[name]
            node.name = prefix + node.name if node.name else ""
            self._nodes.append(node)
        return rename[output]

    def model(self, image_shape: Sequence[int | str], outputs: Sequence[tuple[str, str, Sequence[int | str]]]) -> bytes:
        """Finish: input ``image`` float32; each output is (its public name, the node output, its shape).

        Returns:
            The serialised model, checked by onnx; equal graphs give equal bytes.
        """
        import onnx
        from onnx import TensorProto, helper

        names = {source: name for name, source, _ in outputs}
        for node in self._nodes:
            # Renamed in place: engines drop an Identity node, and with it the name.
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names.get(name, name) for name in node.output]
        graph = helper.make_graph(
            self._nodes,
            "belvedere",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, list(image_shape))],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, _, shape in outputs],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="belvedere")
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))
