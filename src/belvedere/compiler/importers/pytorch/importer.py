"""The importer: which way a PyTorch file goes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from belvedere.compiler.importers.pytorch.container import OWN_SUFFIXES, SUFFIXES, Kind, kind_of
from belvedere.compiler.importing import Imported, Request, Source
from belvedere.core.errors import CompileError, MissingExtraError

if TYPE_CHECKING:
    from belvedere.compiler.importers.pytorch.network import Network

_SURE = {Kind.SCRIPT: 1.0, Kind.PROGRAM: 1.0, Kind.OLD_PROGRAM: 1.0, Kind.COMPILED: 0.9, Kind.STATE: 0.9}
_SUSPECTED = 0.6
_HOW_TO_EXPORT = (
    "save the network as TorchScript, torch.jit.trace(model.eval(), example).save('model.pt'), or its weights, "
    "torch.save(model.state_dict(), 'model.pth'), and name its architecture with --arch"
)


def probe(source: Source) -> float:
    """See ``Importer.probe``."""
    return max((_sureness(source.root / file) for file in _candidates(source)), default=0.0)


def load(source: Source, request: Request) -> Imported:
    """See ``Importer.load``."""
    path = source.root / _model_file(source)
    kind = kind_of(path)
    if kind is Kind.OTHER:
        raise CompileError(f"{source.path}: {path.name} is no PyTorch file, or it is damaged or truncated")
    if kind is Kind.PICKLE:
        raise CompileError(
            f"{source.path}: {path.name} is a pickle, which can run code and is not loaded; {_HOW_TO_EXPORT}"
        )
    if kind is Kind.COMPILED:
        raise CompileError(
            f"{source.path}: {path.name} holds machine code of AOTInductor, which cannot be imported; save the "
            "exported program itself with torch.export.save"
        )
    _need_torch()
    # What follows imports torch.
    export = import_module("belvedere.compiler.importers.pytorch.export")
    imported: Imported = export.export_network(_open(path, kind, request), request, str(source.path))
    return imported


def _open(path: Path, kind: Kind, request: Request) -> Network:
    module, opener = {
        Kind.SCRIPT: ("script", "open_script"),
        Kind.PROGRAM: ("program", "open_program"),
        Kind.OLD_PROGRAM: ("program", "open_program"),
        Kind.STATE: ("state", "open_state"),
    }[kind]
    found: Network = getattr(import_module(f"belvedere.compiler.importers.pytorch.{module}"), opener)(path, request)
    return found


def _need_torch() -> None:
    try:
        import_module("torch")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError("Reading a PyTorch model", "torch") from error


def _candidates(source: Source) -> list[Path]:
    found = [file for file in source.files if file.suffix.lower() in SUFFIXES]
    return found or (list(source.files) if len(source.files) == 1 else [])


def _sureness(path: Path) -> float:
    kind = kind_of(path)
    named = path.suffix.lower() in OWN_SUFFIXES
    if kind in _SURE:
        return _SURE[kind]
    # Truncated, or a pickle: what is wrong with it is said when it is loaded.
    return _SUSPECTED if named else 0.0


def _model_file(source: Source) -> Path:
    candidates = _candidates(source)
    sureness = {file: _sureness(source.root / file) for file in candidates}
    found = [file for file in candidates if sureness[file] == max(sureness.values())]
    if len(found) != 1:
        what = "Exactly one .pth or .pt file is allowed for PyTorch models" if found else "No pth file provided"
        listed = ", ".join(file.as_posix() for file in (found or source.files)[:8])
        raise CompileError(f"{source.path}: {what}; found {listed}")
    return found[0]
