"""The process that converts to ONNX with tf2onnx."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belvedere.compiler.declared_ports import Bound, declared_as_json
from belvedere.compiler.importing import Declared
from belvedere.compiler.isolation.worker import answer
from belvedere.compiler.tf2onnx_form.ends import finish

if TYPE_CHECKING:
    import onnx

OPSET = 17


@dataclass(frozen=True, eq=False)
class Ends:
    """A converted network, and what its inputs and outputs shall be.

    Attributes:
        model: The network, with names of TensorFlow's.
        inputs: Each bound input with its tensor.
        outputs: Name and tensor of each output.
        notes: Sentences for the user.
        provenance: Facts for the manifest.
    """

    model: onnx.ModelProto
    inputs: Sequence[tuple[Bound, str]]
    outputs: Sequence[tuple[str, str]]
    notes: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)


def serve(convert: Callable[[dict[str, Any], Path], Ends]) -> None:
    """Do the job that the command line names, and write ``model.onnx`` and ``answer.json``.

    TensorFlow sees no graphics cards, is quiet, and leaves the home folder alone.

    Args:
        convert: Takes the job and a folder for scratch files; see ``worker.answer``.
    """

    def work(job: dict[str, Any], folder: Path, where: str) -> dict[str, Any]:
        os.environ.update(
            CUDA_VISIBLE_DEVICES="-1",
            TF_CPP_MIN_LOG_LEVEL="3",
            TF_NUM_INTEROP_THREADS="1",
            TF_NUM_INTRAOP_THREADS="1",
            KERAS_HOME=str(folder / "keras"),  # else importing it writes into the home folder
        )
        ends = convert(job, folder)
        used, notes = finish(ends.model, ends.inputs, ends.outputs, where)
        (folder / "model.onnx").write_bytes(ends.model.SerializeToString())
        return {
            "inputs": declared_as_json(_declared(used)),
            "notes": [*ends.notes, *notes],
            "provenance": ends.provenance,
        }

    answer(work, cannot="tf2onnx cannot convert it")


def _declared(bound: Iterable[Bound]) -> list[Declared]:
    return [Declared(entry.name, entry.shape or entry.own.shape or (), entry.dtype) for entry in bound]
