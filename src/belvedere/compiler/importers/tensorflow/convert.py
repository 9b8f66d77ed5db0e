"""The process that converts a SavedModel or a frozen graph: ``python -m`` this module (``openvino_form.process``)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belvedere.compiler.declared_ports import Own, bare, bind, declared_inputs
from belvedere.compiler.importers.tensorflow.frozen_graph import read_nodes, select_outputs
from belvedere.compiler.importers.tensorflow.saved_model import (
    Signature,
    read_saved_model,
    select_signature,
    with_default_signature,
)
from belvedere.compiler.importing import DEFAULT_SIGNATURE
from belvedere.compiler.openvino_form.front_end import FrontEnd
from belvedere.compiler.openvino_form.ports import finish
from belvedere.compiler.openvino_form.process import Outcome, serve
from belvedere.core.errors import CompileError

if TYPE_CHECKING:
    import openvino


def convert(job: dict[str, Any], scratch: Path) -> Outcome:
    """Convert the SavedModel or the frozen graph at ``job['path']``.

    Raises:
        CompileError: see ``tensorflow.load``.
    """
    path = Path(job["path"])
    return _saved_model(path, job, scratch) if path.is_dir() else _frozen_graph(path, job)


def _saved_model(folder: Path, job: dict[str, Any], scratch: Path) -> Outcome:
    model = read_saved_model(folder / "saved_model.pb")
    name = select_signature(model, job["signature"], folder)
    signature = model.signatures[name]
    notes = []
    source = folder
    if name != DEFAULT_SIGNATURE:
        source = scratch / "saved_model"
        source.mkdir()
        (source / "saved_model.pb").write_bytes(with_default_signature(model, name))
        _lend(folder / "variables", source / "variables")
        if job["signature"] != name:
            notes.append(f"the SavedModel's only signature '{name}' was taken")
    reader = FrontEnd("tf", source)
    keys = {tensor: key for key, tensor in signature.inputs.items()}
    places = {keys.get(own.name, bare(own.name)): (own, place) for own, place in reader.inputs()}
    own = [Own(key, entry.shape, entry.dtype) for key, (entry, _) in sorted(places.items())]
    bound, said = bind(own, declared_inputs(job["inputs"]), folder)
    reader.set_shapes(bound, {key: place for key, (_, place) in places.items()})
    network = reader.convert()
    ports = {name: port for port in network.inputs for name in port.get_names()}
    outputs = _signature_outputs(signature, job["outputs"], folder)
    found = [(entry, ports[entry.own.name]) for entry in bound if entry.own.name in ports]
    unused = [entry.name for entry in bound if entry.own.name not in ports]
    if unused:
        notes.append(f"inputs that the network does not use were left out: {', '.join(unused)}")
    facts = {"tensorflow_version": model.version, "signature": name}
    finished, renamed = finish(network, found, _ports(network, [(key, key) for key in outputs], folder), folder)
    return Outcome(finished, (*notes, *said, *renamed), facts)


def _signature_outputs(signature: Signature, wanted: list[str], where: Path) -> list[str]:
    own = sorted(signature.outputs)
    missing = [name for name in wanted if name not in own]
    if missing:
        raise CompileError(f"{where}: no outputs {', '.join(missing)} in the signature; it has {', '.join(own)}")
    return wanted or own


def _frozen_graph(path: Path, job: dict[str, Any]) -> Outcome:
    outputs = select_outputs(read_nodes(memoryview(path.read_bytes()), path), job["outputs"], path)
    reader = FrontEnd("tf", path)
    places = {own.name: (own, place) for own, place in reader.inputs()}
    bound, notes = bind([own for own, _ in places.values()], declared_inputs(job["inputs"]), path)
    reader.set_shapes(bound, {name: place for name, (_, place) in places.items()})
    selected = [reader.model.get_place_by_tensor_name(tensor) for _, tensor in outputs]
    if missing := [name for (name, _), place in zip(outputs, selected, strict=True) if place is None]:
        raise CompileError(f"{path}: no outputs {', '.join(missing)} in the graph")
    reader.model.override_all_outputs(selected)
    network = reader.convert()
    ports = {name: port for port in network.inputs for name in port.get_names()}
    found = [(entry, ports[entry.own.name]) for entry in bound if entry.own.name in ports]
    finished, renamed = finish(network, found, _ports(network, outputs, path), path)
    return Outcome(finished, (*notes, *renamed))


def _ports(network: openvino.Model, outputs: Sequence[tuple[str, str]], where: Path) -> list[tuple[str, Any]]:
    """The network's port for each output, given as name and tensor."""
    ports = {name: port for port in network.outputs for name in port.get_names()}
    if missing := [name for name, tensor in outputs if tensor not in ports]:
        raise CompileError(f"{where}: the converted network lost the outputs {', '.join(missing)}")
    return [(name, ports[tensor]) for name, tensor in outputs]


def _lend(source: Path, target: Path) -> None:
    """Make a folder appear at another place; its files are only copied where links are not allowed."""
    if not source.is_dir():
        return
    try:
        target.symlink_to(source.resolve(), target_is_directory=True)
    except OSError:
        shutil.copytree(source, target)


if __name__ == "__main__":
    serve(convert)
