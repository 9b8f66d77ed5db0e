"""From an imported network to the finished one: clean-up, input, batch, precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importing import Imported, Port
from belvedere.compiler.parity.runners import Feeds, reference_runner
from belvedere.compiler.passes import clean
from belvedere.compiler.passes.batch import free_batch
from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.inputs import Adaption, adapt_input
from belvedere.compiler.passes.storage import copy_of, model_bytes
from belvedere.compiler.precision import store_f16
from belvedere.compiler.quantize.post_training import Validation, quantize
from belvedere.core.errors import CompileError

if TYPE_CHECKING:
    import onnx
    import openvino


@dataclass(frozen=True, eq=False)
class Finished:
    """A finished network and what was done on the way.

    Attributes:
        network: As it goes into the artifact.
        exact: The same before its precision was lowered; the same object where it was not.
        inputs: What it takes.
        outputs: What it gives.
        facts: For the report.
        notes: Sentences that the user should read.
        quantisation: Method, samples and exceptions; None unless int8.
    """

    network: onnx.ModelProto | openvino.Model
    exact: onnx.ModelProto | openvino.Model
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    quantisation: dict[str, Any] | None = None


def adapted_port(port: Port, adaption: Adaption | None) -> Port:
    """The port after an adaption."""
    if adaption is None:
        return port
    axes = [adaption.network_layout.index(axis) for axis in adaption.layout]
    shape = tuple(port.shape[axis] for axis in axes)
    return Port(port.name, shape, "uint8" if adaption.uint8 else port.dtype, adaption.layout)


def to_source(tensor: NDArray[Any], adaption: Adaption | None) -> NDArray[Any]:
    """What the source network takes, from what the adapted one takes; float32 step by step as in the runtime."""
    if adaption is None:
        return tensor
    axes = [adaption.layout.index(axis) for axis in adaption.network_layout]
    values = np.ascontiguousarray(tensor.transpose(axes)).astype(np.float32)
    place = (1, -1, 1, 1) if adaption.network_layout == "NCHW" else (1, 1, 1, -1)
    if adaption.scale != 1.0:
        values = values * np.float32(adaption.scale)
    if any(adaption.mean):
        values = values - np.asarray(adaption.mean, np.float32).reshape(place)
    if any(value != 1.0 for value in adaption.std):
        values = values / np.asarray(adaption.std, np.float32).reshape(place)
    return values


def cleaned(imported: Imported, adaption: Adaption | None, *, dynamic_batch: bool, picture: Feeds) -> Finished:
    """Clean the network up, give it the input that was asked for, and free the batch if that was asked for.

    Args:
        imported: The source; its network may be changed in place.
        adaption: Change of one input; None for none.
        dynamic_batch: Whether any number of pictures shall go through at once.
        picture: One set of inputs of the finished network.

    Raises:
        CompileError: an input or the batch cannot be changed so.
    """
    done = clean(imported.network)
    network = done.network
    facts: dict[str, Any] = dict(done.facts)
    inputs, outputs = imported.inputs, imported.outputs
    if adaption is not None:
        network, words = adapt_input(network, adaption)
        facts["inputs"] = words
        inputs = tuple(adapted_port(port, adaption if port.name == adaption.name else None) for port in inputs)
    if dynamic_batch:
        names = [port.name for port in outputs]
        network = free_batch(network, picture, lambda net, feeds: list(reference_runner(net, names)(feeds).values()))
        inputs = tuple(replace(port, shape=(-1, *port.shape[1:])) for port in inputs)
        outputs = tuple(replace(port, shape=(-1, *port.shape[1:])) for port in outputs)
        facts["inputs"] = ", ".join(filter(None, [facts.get("inputs", ""), "any number of pictures a call"]))
    return Finished(network, network, inputs, outputs, facts, done.notes)


def lowered(
    finished: Finished, precision: str, calibration: Sequence[Feeds] = (), validation: Validation | None = None
) -> Finished:
    """The network in the precision that was asked for; the exact one is kept for comparison.

    Args:
        finished: In float32.
        precision: ``f32``, ``bf16``, ``f16`` or ``int8``.
        calibration: Inputs of the finished network, for int8.
        validation: Labelled samples, for int8 with accuracy control.

    Raises:
        CompileError: int8 without samples, or a network that cannot be quantised.
        MissingExtraError: see ``quantize``.
    """
    if precision == "f16":
        exact = copied(finished.network)
        count = store_f16(finished.network)
        facts = {**finished.facts, "weights_as_f16": count}
        return replace(finished, exact=exact, facts=facts)
    if precision == "int8":
        done = quantize(finished.network, calibration, validation)
        words = {"method": done.method, "samples": done.samples, "operators kept in float32 by rule": done.kept}
        return replace(finished, network=done.network, exact=finished.network, quantisation=words)
    if precision not in ("f32", "bf16"):
        raise CompileError(f"no precision {precision}")
    return finished


def size_of(network: Any) -> int:
    """Bytes of a network: of its message, or of its constants."""
    if is_onnx(network):
        return model_bytes(network)
    constants = (op for op in network.get_ops() if op.get_type_name() == "Constant")
    return int(sum(op.get_byte_size() for op in constants))


def copied(network: Any) -> Any:
    """A copy that later passes do not change; OpenVINO's shares its constants."""
    return copy_of(network) if is_onnx(network) else network.clone()
