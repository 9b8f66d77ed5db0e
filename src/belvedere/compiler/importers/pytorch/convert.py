"""The process that reads a PyTorch file with torch: ``python -m`` this module (``isolation.process``).

The code of TorchScript and of exported programs runs here: it may loop for ever and ask for any amount of memory.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belvedere.compiler.declared_ports import declared_inputs
from belvedere.compiler.importers.pytorch.container import Kind
from belvedere.compiler.importers.pytorch.handover import write_imported
from belvedere.compiler.importing import Imported, Request
from belvedere.compiler.isolation.worker import answer

if TYPE_CHECKING:
    from belvedere.compiler.importers.pytorch.network import Network

_OPENERS = {
    Kind.SCRIPT: ("script", "open_script"),
    Kind.PROGRAM: ("program", "open_program"),
    Kind.OLD_PROGRAM: ("program", "open_program"),
    Kind.STATE: ("state", "open_state"),
}


def convert(path: Path, kind: Kind, request: Request, where: str) -> Imported:
    """Read a PyTorch file with torch.

    Args:
        path: The file.
        kind: What it is; one that holds a network or weights.
        request: What the user said.
        where: What error messages begin with.

    Raises:
        CompileError, LimitError, OptionError: see ``pytorch.load``.
    """
    module, opener = _OPENERS[kind]
    # What follows imports torch.
    network: Network = getattr(import_module(f"belvedere.compiler.importers.pytorch.{module}"), opener)(path, request)
    export = import_module("belvedere.compiler.importers.pytorch.export")
    imported: Imported = export.export_network(network, request, where)
    return imported


def _work(job: dict[str, Any], folder: Path, _where: str) -> dict[str, Any]:
    request = Request(declared_inputs(job["inputs"]), tuple(job["outputs"]), job["arch"], options=job["options"])
    imported = convert(Path(job["path"]), Kind[job["kind"]], request, job["where"])
    return write_imported(imported, folder, job["where"])


if __name__ == "__main__":
    answer(_work)
