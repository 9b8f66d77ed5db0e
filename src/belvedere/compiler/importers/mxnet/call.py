"""What the translation of one operator is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from belvedere.compiler.importers.mxnet.attributes import Attributes
from belvedere.compiler.importers.mxnet.builder import Builder, Tensor
from belvedere.compiler.importers.mxnet.symbol import Node
from belvedere.core.errors import CompileError


@dataclass(frozen=True)
class Call:
    """One operator of the graph.

    Attributes:
        emit: Where its translation goes.
        node: The node.
        attributes: Its attributes.
        inputs: What it takes.
        version: Of the MXNet that wrote the file, such as 10901.
    """

    emit: Builder
    node: Node
    attributes: Attributes
    inputs: tuple[Tensor, ...]
    version: int

    def input(self, number: int = 0) -> Tensor:
        """One of its inputs.

        Raises:
            CompileError: it has fewer.
        """
        if number >= len(self.inputs):
            raise CompileError(f"it has {len(self.inputs)} inputs, input {number + 1} is missing")
        return self.inputs[number]


Translator = Callable[[Call], Tensor | tuple[Tensor, ...]]
