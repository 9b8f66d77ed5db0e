"""From what a manifest says and a caller gives to the tensors that an engine takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError
from belvedere.runtime.inputs import ImageInput
from belvedere.runtime.manifest import Manifest
from belvedere.runtime.ports import Borders, Port, check_inputs, exact, listed


def pictures_axis(manifest: Manifest) -> bool:
    """Whether the network takes one picture input, so that its first axis counts pictures."""
    return len(manifest.inputs) == 1 and isinstance(manifest.inputs[0], ImageInput)


def borders_of(manifest: Manifest) -> Borders:
    """The inputs that an engine is opened for, and the outputs that it is to give."""
    shapes = {taken.name: tuple(taken.shape) for taken in manifest.inputs}
    if pictures_axis(manifest):
        shapes = {name: (manifest.batch, *shape[1:]) for name, shape in shapes.items()}
    inputs = {taken.name: Port(shapes[taken.name], np.dtype(taken.dtype)) for taken in manifest.inputs}
    return Borders(inputs, tuple(output.name for output in manifest.outputs))


def feed(
    ports: Mapping[str, Port], tensors: Mapping[str, NDArray[Any]] | NDArray[Any], *, any_first: bool = False
) -> dict[str, NDArray[Any]]:
    """The tensors by input name and in the network's types.

    Args:
        ports: What the network takes.
        tensors: Input name to tensor, or one tensor for the only input.
        any_first: Whether the first axis of tensors may have any length.

    Raises:
        EngineError: a name, shape or type does not fit; the message shows what does.
    """
    if isinstance(tensors, np.ndarray):
        if len(ports) != 1:
            raise EngineError(f"the network takes {len(ports)} inputs, so they need names: {listed(ports)}")
        tensors = dict.fromkeys(ports, tensors)
    elif not isinstance(tensors, Mapping):
        raise EngineError(f"expected arrays by input name, not {type(tensors).__name__}: {listed(ports)}")
    fitting = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, (np.ndarray, np.generic)):
            raise EngineError(f"input '{name}' is a {type(tensor).__name__}, not a NumPy array")
        fitting[name] = exact(np.asarray(tensor), ports[name].dtype) if name in ports else tensor
    wanted = ports
    if any_first:
        wanted = {name: Port((-1, *port.shape[1:]), port.dtype) for name, port in ports.items()}
    check_inputs(wanted, fitting)
    return fitting
