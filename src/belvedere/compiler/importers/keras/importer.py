"""Keras files of Keras 2 and 3, ``.h5`` and ``.keras``, read by Keras 3 without TensorFlow."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

from belvedere.compiler.declared_ports import declared_as_json
from belvedere.compiler.importers.keras.container import HDF5_MAGIC, ZIP_MAGIC
from belvedere.compiler.importing import Imported, Request, Source
from belvedere.compiler.isolation.process import RetryableError
from belvedere.compiler.openvino_form.ports import imported
from belvedere.compiler.openvino_form.process import Converted, convert_isolated
from belvedere.compiler.tf2onnx_form.loading import wants_onnx
from belvedere.core.errors import CompileError, MissingExtraError

_CONVERT = "belvedere.compiler.importers.keras.convert"
_SUFFIXES = (".keras", ".h5", ".hdf5")


def probe(source: Source) -> float:
    """How sure it is that the source is a Keras file, 0 to 1: by its head, and by its suffix."""
    marks = [_is_keras(source.root / path) for path in source.files]
    if any(marks):
        return 0.95
    return 0.3 if any(path.suffix in _SUFFIXES for path in source.files) else 0.0


def load(source: Source, request: Request) -> Imported:
    """Read a Keras model that is made of Keras's own layers.

    Four declared axes mean N, C, H, W while the file has N, H, W, C: the network then takes channels first and
    turns them itself. Outputs stay as they are. The file is read by Keras 3 in a process of its own with bounded
    time and memory, on Keras's OpenVINO backend, or on torch where that cannot do it and torch is installed.

    Args:
        source: A ``.h5`` or ``.keras`` file, or a folder that holds just one.
        request: Declared inputs, and outputs.

    Raises:
        CompileError: damaged, weights only, Lambda or custom layers (all listed; nothing of them is executed),
            more than one file, unknown inputs or outputs, shapes that do not fit, or ONNX is wanted.
        LimitError: over a limit in size, time or memory.
        MissingExtraError: Keras is not installed.
    """
    path = _locate(source)
    if wants_onnx(request):
        raise CompileError(
            f"{path}: a Keras file does not become ONNX by itself; export it as a SavedModel with Keras on TensorFlow, "
            "model.export('folder'), and compile that folder (framework tensorflow, inputs declared as NHWC)"
        )
    if any(importlib.util.find_spec(package) is None for package in ("keras", "h5py")):
        raise MissingExtraError("Reading Keras files", "keras")
    return imported("keras", _converted(path, request))


def _converted(path: Path, request: Request) -> Converted:
    job = {
        "path": str(path),
        "inputs": declared_as_json(request.inputs),
        "outputs": list(request.outputs),
        "backend": "openvino",
    }
    try:
        return convert_isolated(_CONVERT, job, path)
    except RetryableError as first:
        if importlib.util.find_spec("torch") is None:
            raise CompileError(f"{first}; with the [torch] extra it is tried on torch too") from None
        try:
            return convert_isolated(_CONVERT, {**job, "backend": "torch"}, path)
        except RetryableError as second:
            raise CompileError(f"{first}; {str(second).removeprefix(f'{path}: ')}") from None


def _locate(source: Source) -> Path:
    found = [path for path in source.files if _is_keras(source.root / path)]
    found = found or [path for path in source.files if path.suffix in _SUFFIXES]
    if len(found) > 1:
        raise CompileError(
            f"{source.path}: multiple Keras files provided: {', '.join(map(str, found))}; one is allowed"
        )
    if not found:
        raise CompileError(f"{source.path}: no Keras file (.h5, .keras) provided")
    return (source.root / found[0]).absolute()


def _is_keras(path: Path) -> bool:
    """Whether a file is HDF5 under a suffix of Keras's, or a zip with a Keras configuration."""
    try:
        with path.open("rb") as stream:
            head = stream.read(len(HDF5_MAGIC))
        if head == HDF5_MAGIC:
            return path.suffix in _SUFFIXES
        if not head.startswith(ZIP_MAGIC):
            return False
        if path.suffix == ".keras":
            return True
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False
    return "config.json" in names and "model.weights.h5" in names
