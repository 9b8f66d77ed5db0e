"""What the readers of PyTorch files hand to the exporter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

FREE = -1
SIDE = 224
"""Length of free axes while the network is traced, but for the batch, which is 1."""


@dataclass(frozen=True)
class Argument:
    """An input of the network, in the order of ``forward``.

    Attributes:
        name: In the finished model.
        shape: -1 where an axis stays free.
        dtype: NumPy name.
        traced: Shape to trace with, all axes static.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    traced: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Network:
    """A network that can be traced.

    Attributes:
        module: In evaluation mode, on the CPU.
        arguments: Its inputs.
        operators: Names of operators outside of torch that it uses, such as ``torchvision::nms``.
        outputs: Names of the outputs; empty for ``output0``, ``output1``, ... or the keys of a dictionary.
        notes: Sentences that the user should read.
        provenance: Facts for the manifest.
    """

    module: torch.nn.Module
    arguments: tuple[Argument, ...]
    operators: frozenset[str] = frozenset()
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


def traced_shape(shape: tuple[int, ...], like: tuple[int, ...] = ()) -> tuple[int, ...]:
    """A static shape for tracing: free axes are 1 for the batch, else as in ``like``, else 224."""
    usual = like if len(like) == len(shape) else (1, *([SIDE] * (len(shape) - 1)))
    return tuple(usual[at] if length == FREE else length for at, length in enumerate(shape))
