"""The importer: which way a PyTorch file goes."""

from __future__ import annotations

import importlib.util
import math
import tempfile
from collections.abc import Iterable
from pathlib import Path

from belvedere.compiler.declared_ports import declared_as_json
from belvedere.compiler.importers.pytorch.container import OWN_SUFFIXES, SUFFIXES, Kind, kind_of
from belvedere.compiler.importers.pytorch.handover import read_imported
from belvedere.compiler.importing import Declared, Imported, Request, Source
from belvedere.compiler.isolation.process import run_isolated
from belvedere.core.errors import CompileError, MissingExtraError
from belvedere.core.limits import DEFAULT_LIMITS, Limits

_CONVERT = "belvedere.compiler.importers.pytorch.convert"
_FEATURES, _FLOAT32 = 128, 4  # feature maps to an input's elements, and their bytes
_SURE = {Kind.SCRIPT: 1.0, Kind.PROGRAM: 1.0, Kind.OLD_PROGRAM: 1.0, Kind.COMPILED: 0.9, Kind.STATE: 0.9}
_SUSPECTED = 0.6
_HOW_TO_EXPORT = (
    "save the network as TorchScript, torch.jit.trace(model.eval(), example).save('model.pt'), or its weights, "
    "torch.save(model.state_dict(), 'model.pth'), and name its architecture with --arch"
)


def probe(source: Source) -> float:
    """See ``Importer.probe``."""
    return max((_sureness(source.root / file) for file in _candidates(source)), default=0.0)


def load(source: Source, request: Request, *, limits: Limits = DEFAULT_LIMITS) -> Imported:
    """See ``Importer.load``.

    torch reads the file in a process of its own with bounded time and memory: what TorchScript and exported programs
    hold is code.

    Args:
        source: A ``.pt``, ``.pth`` or ``.pt2`` file, or a folder that holds just one.
        request: What the user said.
        limits: Bounds on the process.
    """
    path, kind = find_file(source)
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("Reading a PyTorch model", "torch")
    job = {
        "path": str(path),
        "kind": kind.name,
        "where": str(source.path),
        "inputs": declared_as_json(request.inputs),
        "outputs": list(request.outputs),
        "arch": request.arch,
        "options": dict(request.options),
    }
    with tempfile.TemporaryDirectory(prefix="belvedere-") as folder:
        found = run_isolated(
            _CONVERT, job, path, Path(folder), more_memory=_memory_of_features(request.inputs), limits=limits
        )
        return read_imported(found, Path(folder))


def find_file(source: Source) -> tuple[Path, Kind]:
    """The model's file, absolute, and what it is; torch is not needed for that.

    Raises:
        CompileError: none or several, or nothing that is read.
    """
    path = (source.root / _model_file(source)).absolute()
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
    return path, kind


def _memory_of_features(inputs: Iterable[Declared]) -> int:
    """Memory that feature maps of large inputs take: the network is run once on them."""
    elements = (math.prod(abs(axis) for axis in declared.shape) for declared in inputs)
    return _FEATURES * _FLOAT32 * sum(elements)


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
