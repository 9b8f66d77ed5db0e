"""Converting a foreign model to OpenVINO's form in a process of its own: both sides of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belvedere.compiler.isolation.process import run_isolated
from belvedere.compiler.isolation.worker import answer
from belvedere.core.errors import LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.runtime.engine_imports import import_openvino

if TYPE_CHECKING:
    import openvino


@dataclass(frozen=True, eq=False)
class Converted:
    """What a conversion process hands back.

    Attributes:
        network: The network, with float32 weights kept as they are.
        inputs: Names of its inputs in order.
        outputs: Names of its outputs in order.
        notes: Sentences for the user.
        provenance: Facts for the manifest.
    """

    network: openvino.Model
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished conversion, in its process.

    Attributes:
        network: The network, its inputs and outputs named and in order.
        notes: Sentences for the user.
        provenance: Facts for the manifest.
    """

    network: openvino.Model
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


def convert_isolated(module: str, job: Mapping[str, Any], where: Path, *, limits: Limits = DEFAULT_LIMITS) -> Converted:
    """Run ``python -m module`` on a job and read back the network that it wrote.

    Args:
        module: A module that ends in ``serve``.
        job: What to do, as JSON.
        where: The file or folder that is read, for messages.
        limits: Bounds on the process.

    Raises:
        CompileError, LimitError, MissingExtraError, RetryableError: see ``run_isolated``.
    """
    with tempfile.TemporaryDirectory(prefix="belvedere-") as folder:
        found = run_isolated(module, job, where, Path(folder), limits=limits)
        network = read_network(Path(folder) / "model.xml")
    return Converted(
        network, tuple(found["inputs"]), tuple(found["outputs"]), tuple(found["notes"]), found["provenance"]
    )


def serve(convert: Callable[[dict[str, Any], Path], Outcome]) -> None:
    """Do the job that the command line names, and write ``model.xml`` and ``answer.json``.

    Args:
        convert: Takes the job and a folder for scratch files; see ``worker.answer``.
    """

    def work(job: dict[str, Any], folder: Path, where: str) -> dict[str, Any]:
        outcome = convert(job, folder)
        write_network(outcome.network, folder / "model.xml", where)
        return {
            "inputs": [port.get_any_name() for port in outcome.network.inputs],
            "outputs": [port.get_any_name() for port in outcome.network.outputs],
            "notes": list(outcome.notes),
            "provenance": dict(outcome.provenance),
        }

    answer(work)


def write_network(network: openvino.Model, path: Path, where: str) -> None:
    """Write a network with its weights as they are.

    Raises:
        LimitError: a tensor of it is one that no machine would hold; a few bytes of shape can ask for that.
    """
    _check_sizes(network, where)
    import_openvino().save_model(network, path, compress_to_fp16=False)


def read_network(path: Path) -> openvino.Model:
    """Read a network so that its file may go away."""
    core = import_openvino().Core()
    core.set_property({"ENABLE_MMAP": False})
    return core.read_model(path)


def _check_sizes(network: openvino.Model, where: str) -> None:
    largest = DEFAULT_LIMITS.tensor_bytes
    for node in network.get_ops():
        for port in node.outputs():
            shape = port.get_partial_shape()
            if shape.is_static and node.get_type_name() != "Constant":
                elements = 1
                for axis in shape:
                    elements *= int(axis.get_length())
                if elements * port.get_element_type().size > largest:
                    raise LimitError(
                        f"{where}: node '{node.get_friendly_name()}' makes a tensor of shape {shape}: too large"
                    )
