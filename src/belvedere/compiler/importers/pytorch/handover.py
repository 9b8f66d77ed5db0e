"""Handing an imported network from the process that read it to the one that asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from belvedere.compiler.importers.onnx.importer import read_model
from belvedere.compiler.importing import Imported, Port
from belvedere.compiler.openvino_form.process import read_network, write_network
from belvedere.compiler.passes.clean import is_onnx

_ONNX, _OPENVINO = "model.onnx", "model.xml"


def write_imported(imported: Imported, folder: Path, where: str) -> dict[str, Any]:
    """Write the network into ``folder``; the rest is returned as JSON values.

    Raises:
        LimitError: see ``write_network``.
    """
    if is_onnx(imported.network):
        (folder / _ONNX).write_bytes(imported.network.SerializeToString())
    else:
        write_network(imported.network, folder / _OPENVINO, where)
    return {
        "file": _ONNX if is_onnx(imported.network) else _OPENVINO,
        "framework": imported.framework,
        "inputs": [asdict(port) for port in imported.inputs],
        "outputs": [asdict(port) for port in imported.outputs],
        "notes": list(imported.notes),
        "provenance": dict(imported.provenance),
    }


def read_imported(answer: Mapping[str, Any], folder: Path) -> Imported:
    """Read back what ``write_imported`` wrote; the folder may go away afterwards."""
    path = folder / answer["file"]
    return Imported(
        framework=answer["framework"],
        network=read_model(path) if answer["file"] == _ONNX else read_network(path),
        inputs=tuple(map(_port, answer["inputs"])),
        outputs=tuple(map(_port, answer["outputs"])),
        notes=tuple(answer["notes"]),
        provenance=answer["provenance"],
    )


def _port(entry: Mapping[str, Any]) -> Port:
    return Port(entry["name"], tuple(entry["shape"]), entry["dtype"], entry["layout"])
