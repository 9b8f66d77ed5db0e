"""Holding the converted network against Keras's own run of the model."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.declared_ports import Bound
from belvedere.compiler.drift import drift_between
from belvedere.runtime.engine_imports import import_openvino

if TYPE_CHECKING:
    import openvino

Run = Callable[[Sequence[NDArray[Any]]], Sequence[NDArray[Any]]]

_SEED = 0


def drift_of(
    network: openvino.Model, run: Run, inputs: Sequence[Bound], order: Sequence[str], outputs: Mapping[str, int]
) -> str | None:
    """Run both on one seeded input and say what differs; None if nothing does.

    Args:
        network: The finished network.
        run: Runs the Keras model: its inputs in its order to its outputs in its order.
        inputs: The bound inputs, as the finished network has them.
        order: Names of the Keras model's inputs, in its order.
        outputs: Name in the finished network to the place among the Keras model's outputs.
    """
    fed = {entry.name: _example(entry) for entry in inputs}
    own = {
        entry.own.name: (fed[entry.name].transpose(0, 2, 3, 1) if entry.nchw else fed[entry.name]).astype(
            entry.own.dtype
        )
        for entry in inputs
    }
    flat = run([own[name] for name in order])
    compiled = import_openvino().Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled([fed[port.get_any_name()] for port in network.inputs])
    found = {port.get_any_name(): results[at] for at, port in enumerate(network.outputs)}
    return drift_between(found, {name: flat[place] for name, place in outputs.items()}, "Keras")


def runner(model: Any) -> Run:
    """What runs a Keras model."""
    keras = importlib.import_module("keras")

    def run(values: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        fed = keras.tree.pack_sequence_as(getattr(model, "input", model.inputs), list(values))
        # Not `predict`: on processors that have bfloat16, Keras's OpenVINO backend computes in it there.
        found = model(keras.tree.map_structure(keras.ops.convert_to_tensor, fed), training=False)
        # In the order of `model.outputs`.
        return [np.asarray(keras.ops.convert_to_numpy(value)) for value in keras.tree.flatten(found)]

    return run


def keras_version() -> str:
    """Version of the Keras that reads the model."""
    return str(importlib.import_module("keras").__version__)


def _example(entry: Bound) -> NDArray[Any]:
    """Seeded numbers of 0 to 1, zeros and ones for integers; free axes are 1."""
    shape = [max(axis, 1) for axis in entry.shape or entry.own.shape or ()]
    values = np.random.default_rng(_SEED).random(shape)
    values = values.round() if np.dtype(entry.dtype).kind in "iub" else values
    turned = values.transpose(0, 3, 1, 2) if entry.nchw else values
    return np.ascontiguousarray(turned).astype(entry.dtype)
