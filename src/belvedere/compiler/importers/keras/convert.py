"""The process that converts a Keras file: ``python -m`` this module; see ``openvino_form.process``."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from belvedere.compiler.declared_ports import Bound, Own, bare, bind, declared_inputs
from belvedere.compiler.importers.keras.comparison import drift_of, keras_version, runner
from belvedere.compiler.importers.keras.container import read_keras_file, write_copy
from belvedere.compiler.importers.keras.known_classes import check_known
from belvedere.compiler.importers.keras.migration import (
    HARD_SIGMOID_OF_KERAS_2,
    for_inference,
    input_layers,
    is_keras_2,
    migrated,
    output_keys,
    takes_channels_first,
)
from belvedere.compiler.isolation.process import RetryableError
from belvedere.compiler.isolation.worker import reason
from belvedere.compiler.openvino_form.ports import finish
from belvedere.compiler.openvino_form.process import Outcome, serve
from belvedere.core.errors import CompileError
from belvedere.runtime.engine_imports import import_openvino


def convert(job: dict[str, Any], scratch: Path) -> Outcome:
    """Convert the Keras file at ``job['path']`` with the backend ``job['backend']``.

    Raises:
        CompileError: see ``keras.load``.
        RetryableError: this backend cannot do it.
    """
    path, backend = Path(job["path"]), job["backend"]
    os.environ["KERAS_BACKEND"] = backend
    os.environ["KERAS_HOME"] = str(scratch / "keras")  # settings of the user's own must not reach in here
    os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"
    import_openvino()
    file = read_keras_file(path)
    config = _checked_config(file.config, file.version, path)
    bound, notes = _bind(config, job, path)
    copy = write_copy(file, config, scratch)
    try:
        names, network, model = _export(copy, scratch, backend)
    except Exception as error:
        raise RetryableError(f"{path}: Keras cannot convert it with its {backend} backend ({reason(error)})") from error
    inputs = [(entry, _port(network.inputs, names[0], entry.own.name)) for entry in bound]
    for entry, port in inputs:
        shape = entry.shape or entry.own.shape
        port.node.set_partial_shape(import_openvino().PartialShape(list(shape or ())))
    network.validate_nodes_and_infer_types()
    ports = dict(zip(names[1], network.outputs, strict=True))
    notes += _fix_batch(network, inputs, path)
    outputs = [(name, ports[bare(name)]) for name in _selected(config, names[1], job["outputs"], path)]
    wanted = [names[1].index(bare(name)) for name, _ in outputs]
    finished, renamed = finish(network, inputs, outputs, path)
    places = {port.get_any_name(): place for port, place in zip(finished.outputs, wanted, strict=True)}
    facts = {"keras_version": file.version, "keras_backend": backend}
    try:
        drift = drift_of(finished, runner(model), [entry for entry, _ in inputs], names[0], places)
    except Exception as error:  # noqa: BLE001 - whatever keeps Keras from running it, the conversion stands
        notes += (f"Keras could not run the model itself, so that the conversion is not checked ({reason(error)})",)
    else:
        if drift is not None:
            raise RetryableError(f"{path}: converted with Keras's {backend} backend it differs from it: {drift}")
        facts["checked_against"] = f"Keras {keras_version()} on its {backend} backend"
    return Outcome(finished, (*notes, *renamed), facts)


def _checked_config(config: dict[str, Any], version: str, path: Path) -> dict[str, Any]:
    """The configuration as Keras 3 will see it, with nothing in it that is not Keras's own."""
    if version.startswith(("0.", "1.")):
        raise CompileError(f"{path}: written by Keras {version}; load and save it with Keras 2 or 3 first")
    try:
        config = for_inference(config)
        config = migrated(config) if is_keras_2(version) else config
        check_known(config, path)
        layers = input_layers(config)
        shapes = [layer["batch_shape"] for layer in layers]
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise CompileError(
            f"{path}: its configuration is no Functional or Sequential model, or is damaged ({error!r})"
        ) from error
    if not layers or not all(isinstance(shape, list) for shape in shapes):
        raise CompileError(f"{path}: the model has no input layer with a shape; build it, save it and try again")
    return config


def _bind(config: dict[str, Any], job: dict[str, Any], path: Path) -> tuple[tuple[Bound, ...], tuple[str, ...]]:
    """Match declared inputs and write their shapes into the input layers: some layers need them when they are built."""
    layers = {layer["name"]: layer for layer in input_layers(config)}
    own = [
        Own(name, tuple(-1 if axis is None else int(axis) for axis in layer["batch_shape"]), _dtype(layer))
        for name, layer in layers.items()
    ]
    declared = declared_inputs(job["inputs"])
    bound, notes = bind(own, declared, path, channels_first=not takes_channels_first(config))
    free = [entry.own for entry in bound if -1 in (entry.shape or entry.own.shape or ())[1:]]
    if free:
        listed = ", ".join(
            f"'{entry.name}' {['?' if axis < 0 else axis for axis in entry.shape or ()]}" for entry in free
        )
        raise CompileError(f"{path}: the size of these inputs is not fixed: {listed}; declare it, such as 1x3x224x224")
    for entry in bound:
        if entry.shape is not None:
            layers[entry.own.name]["batch_shape"] = [None if axis < 0 else axis for axis in entry.shape]
    return bound, notes


def _dtype(layer: dict[str, Any]) -> str:
    dtype = layer.get("dtype", "float32")
    return dtype if isinstance(dtype, str) else str(dtype["config"]["name"])


def _export(copy: Path, scratch: Path, backend: str) -> tuple[tuple[list[str], list[str]], Any, Any]:
    """Names of inputs and outputs in the order of the network, the network, and Keras's model."""
    keras = importlib.import_module("keras")
    target = scratch / "exported.xml"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with keras.saving.custom_object_scope({HARD_SIGMOID_OF_KERAS_2: _hard_sigmoid}):
            model = keras.saving.load_model(str(copy), compile=False, safe_mode=True)
        names = [tensor.name for tensor in model.inputs], _output_names(model)
        if backend != "openvino":  # tracing takes no dictionaries
            model = keras.Model(list(model.inputs), list(model.outputs))
        model.export(str(target), format="openvino", verbose=False, input_signature=[_specification(model)])
    openvino = import_openvino()
    core = openvino.Core()
    core.set_property({"ENABLE_MMAP": False})
    return names, core.read_model(target), model


def _hard_sigmoid(values: Any) -> Any:
    """As in Keras 2, which Keras 3 defines otherwise."""
    ops = importlib.import_module("keras").ops
    return ops.clip(ops.add(ops.multiply(values, 0.2), 0.5), 0.0, 1.0)


def _specification(model: Any) -> Any:
    """Shapes and types of the inputs with the declared batch, which Keras would leave free."""
    keras = importlib.import_module("keras")
    inputs = model.input if hasattr(model, "output_names") else model.inputs[0]
    return keras.tree.map_structure(
        lambda tensor: keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=tensor.name), inputs
    )


def _output_names(model: Any) -> list[str]:
    """Names of the outputs in the order of ``model.outputs``: keys of a dictionary, else names of layers."""
    if not hasattr(model, "output_names"):  # a Sequential
        return [model.layers[-1].name]
    if isinstance(model.output, dict):
        found = {id(value): key for key, value in model.output.items()}
        return [found[id(value)] for value in model.outputs]
    names = list(model.output_names)
    return [name if name not in names[:index] else f"{name}_{index}" for index, name in enumerate(names)]


def _port(ports: Sequence[Any], names: list[str], name: str) -> Any:
    return ports[names.index(name)]


def _selected(config: dict[str, Any], names: list[str], wanted: list[str], path: Path) -> list[str]:
    """The wanted outputs in the wanted order; all, in the file's order, where none are named."""
    missing = [name for name in wanted if bare(name) not in names]
    if missing:
        raise CompileError(f"{path}: no outputs {', '.join(missing)}; the model has {', '.join(names)}")
    keys = output_keys(config)
    return wanted or (keys if sorted(keys) == sorted(names) else names)


def _fix_batch(network: Any, inputs: Sequence[tuple[Bound, Any]], path: Path) -> tuple[str, ...]:
    """Set the batch to 1 where the conversion froze it behind an input whose batch is free."""
    free = [(entry, port) for entry, port in inputs if port.get_partial_shape()[0].is_dynamic]
    frozen = [port for port in network.outputs if len(port.get_partial_shape()) and port.get_partial_shape()[0] == 1]
    if not free or not frozen:
        return ()
    shapes = {port: [1, *list(port.get_partial_shape())[1:]] for _, port in free}
    try:
        network.reshape(shapes)
    except RuntimeError as error:
        raise CompileError(f"{path}: declare the shape of the inputs ({reason(error)})") from error
    return ("the batch is fixed to 1; declare another one to get it",)


if __name__ == "__main__":
    serve(convert)
