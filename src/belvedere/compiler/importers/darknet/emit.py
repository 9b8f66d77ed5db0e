"""Growing an ONNX graph: nodes, constants, and features with their static sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 9
# A map of more values than this is a mistake in the cfg, not a network.
MAP_VALUES = 2**31


@dataclass(frozen=True)
class Feature:
    """What a layer gives: a tensor (batch, channels, height, width).

    Attributes:
        name: Name of the tensor.
        channels: Its channels.
        height: Its height.
        width: Its width.
        detections: Whether it comes from a detection layer, which no other layer can read.
    """

    name: str
    channels: int
    height: int
    width: int
    detections: bool = False

    @property
    def values(self) -> int:
        """Values of one picture."""
        return self.channels * self.height * self.width


@dataclass
class Emitter:
    """Collects the nodes and constants of a graph in order."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    _count: int = 0

    def constant(self, values: NDArray[Any] | list[Any] | float, dtype: Any = np.float32, name: str = "") -> str:
        """Store a constant; its name."""
        name = name or self._fresh("const")
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add an operator with one output; the output's name."""
        output = name or self._fresh(kind.lower())
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=f"{output}_node", **attributes))
        return output

    def split(self, x: str, sizes: list[int], axis: int) -> list[str]:
        """Cut a tensor along an axis."""
        outputs = [self._fresh("split") for _ in sizes]
        lengths = self.constant(sizes, np.int64)
        self.nodes.append(helper.make_node("Split", [x, lengths], outputs, name=f"{outputs[0]}_node", axis=axis))
        return outputs

    def reshape(self, x: str, *shape: int, name: str = "") -> str:
        """Reshape; 0 copies an axis, -1 is what remains."""
        return self.op("Reshape", x, self.constant(list(shape), np.int64), name=name)

    def slice(self, x: str, starts: list[int], ends: list[int], axes: list[int], steps: list[int] | None = None) -> str:
        """Cut a range out of some axes."""
        words = [starts, ends, axes, steps or [1] * len(axes)]
        return self.op("Slice", x, *(self.constant(word, np.int64) for word in words))

    def add(self, x: str, value: float) -> str:
        """Add a number."""
        return self.op("Add", x, self.constant(value))

    def multiply(self, x: str, value: float) -> str:
        """Multiply by a number."""
        return self.op("Mul", x, self.constant(value))

    def model(self, name: str, inputs: list[Port], outputs: list[Port]) -> onnx.ModelProto:
        """The finished model."""
        graph = helper.make_graph(
            self.nodes, name, [port.info() for port in inputs], [port.info() for port in outputs], self.constants
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="belvedere")

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}.{self._count}"


@dataclass(frozen=True)
class Port:
    """An input or output of the graph, float32.

    Attributes:
        name: Its name.
        shape: Its shape, -1 for a free batch.
    """

    name: str
    shape: tuple[int, ...]

    def info(self) -> Any:
        """Its declaration in ONNX."""
        sizes = ["batch" if side < 0 else side for side in self.shape]
        return helper.make_tensor_value_info(self.name, TensorProto.FLOAT, sizes)
