"""Importing the inference engines with their telemetry off: nothing sent, nothing in the home folder."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from belvedere.core.errors import EngineError


def import_openvino() -> ModuleType:
    """Import OpenVINO without its telemetry.

    ``import openvino`` reports the import to an analytics server and keeps a client id in ``~/intel``, unless
    the package ``openvino_telemetry`` is absent: then OpenVINO uses its own stub. So it is made absent for as
    long as the import takes. A process that imported OpenVINO before is left as it is.

    Raises:
        EngineError: OpenVINO is not installed, or cannot be loaded on this machine.
    """
    with _absent("openvino_telemetry"):
        return _import("openvino")


def import_onnxruntime() -> ModuleType:
    """Import ONNX Runtime without its telemetry.

    Since 1.29 its Linux builds report to a collector and keep a device id in ``~/.cache/Microsoft``, unless
    ``ORT_DISABLE_TELEMETRY`` is set when the library starts. A value that is already set is respected.

    Raises:
        EngineError: ONNX Runtime is not installed, or cannot be loaded on this machine.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    return _import("onnxruntime")


def import_nncf() -> ModuleType:
    """Import NNCF without its telemetry, which is OpenVINO's and avoided in the same way.

    Raises:
        ImportError: NNCF is not installed.
        EngineError: OpenVINO cannot be loaded.
    """
    import_openvino()
    with _absent("openvino_telemetry"):
        return importlib.import_module("nncf")


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise EngineError(f"the engine '{name}' cannot be loaded ({error}): pip install {name}") from error


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """Let ``import name`` fail inside the block, unless the module has been imported already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.modules.pop(name, None)
