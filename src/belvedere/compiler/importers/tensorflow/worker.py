"""The other side of ``isolation``: limits itself, converts, and answers in files."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belvedere.compiler.importers.tensorflow.isolation import RetryableError
from belvedere.core.errors import BelvedereError, LimitError, MissingExtraError
from belvedere.core.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    import openvino

_LINES_OF_SOURCE = ("Check '", "Exception from", "FrontEnd API failed", "While validating", "[ ERROR")
_LONGEST_REASON = 400


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished conversion.

    Attributes:
        network: The network, its inputs and outputs named and in order.
        notes: Sentences for the user.
        provenance: Facts for the manifest.
    """

    network: openvino.Model
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


def serve(convert: Callable[[dict[str, Any], Path], Outcome]) -> None:
    """Do the job that the command line names: limit memory, convert, write ``model.xml`` and ``answer.json``.

    Args:
        convert: Takes the job and a folder for scratch files. It raises errors of ours, or lets out what the
            readers raise on damaged files.
    """
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    folder = Path(task["folder"])
    limit_process(task["memory"])
    try:
        answer = _save(convert(task["job"], folder), folder, task["where"])
    except MissingExtraError as error:
        answer = {"error": "MissingExtraError", "message": str(error).split(" needs the [")[0], "extra": error.extra}
    except LimitError as error:
        answer = {"error": "LimitError", "message": str(error)}
    except BelvedereError as error:
        answer = {"error": "CompileError", "message": str(error), "retry": isinstance(error, RetryableError)}
    except MemoryError:
        answer = {"error": "LimitError", "message": f"{task['where']}: reading it needs more memory than the limit"}
    except Exception as error:  # noqa: BLE001 - the border of the process: readers raise anything on damaged files
        answer = {"error": "CompileError", "message": f"{task['where']}: cannot be read ({reason(error)})"}
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


def reason(error: BaseException) -> str:
    """What an error of OpenVINO or Keras says, without the lines that name their own source files."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(_LINES_OF_SOURCE)]
    return " ".join(telling)[:_LONGEST_REASON] or type(error).__name__


def _save(outcome: Outcome, folder: Path, where: str) -> dict[str, Any]:
    from belvedere.runtime.engine_imports import import_openvino

    openvino = import_openvino()
    _check_sizes(outcome.network, where)
    openvino.save_model(outcome.network, folder / "model.xml", compress_to_fp16=False)
    return {
        "inputs": [port.get_any_name() for port in outcome.network.inputs],
        "outputs": [port.get_any_name() for port in outcome.network.outputs],
        "notes": list(outcome.notes),
        "provenance": dict(outcome.provenance),
    }


def _check_sizes(network: openvino.Model, where: str) -> None:
    """Refuse a network with a tensor that no machine would hold; a few bytes of shape can ask for it."""
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


def limit_process(memory: int) -> None:
    """Bound data memory and written bytes, and leave no core file, where the system can do that."""
    try:
        import resource
    except ImportError:  # Windows has no such limits; the time limit holds there too
        return
    for kind, bound in (("RLIMIT_DATA", memory), ("RLIMIT_FSIZE", memory), ("RLIMIT_CORE", 0)):
        if hasattr(resource, kind):
            _, hard = resource.getrlimit(getattr(resource, kind))
            most = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
            resource.setrlimit(getattr(resource, kind), (most, hard))
