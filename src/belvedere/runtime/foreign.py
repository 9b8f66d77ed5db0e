"""Telling what lies where an artifact was expected: a model that has to be compiled first, most often."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

_KINDS = {
    ".onnx": "an ONNX model",
    ".pt": "a PyTorch model",
    ".pth": "a PyTorch model",
    ".pt2": "a PyTorch model",
    ".tflite": "a TFLite model",
    ".h5": "a Keras model",
    ".hdf5": "a Keras model",
    ".keras": "a Keras model",
    ".pb": "a TensorFlow model",
    ".params": "an MXNet model",
    "-symbol.json": "an MXNet model",
    ".weights": "a Darknet model",
}


def source_model(names: Iterable[str]) -> str | None:
    """What model of another framework files of these names are; None where they look like none.

    Args:
        names: Names of files, POSIX paths.
    """
    for name in sorted(names):
        last = PurePosixPath(name).name.lower()
        for ending, kind in _KINDS.items():
            if last.endswith(ending):
                return kind
    return None


def advice(path: Path, names: Iterable[str]) -> str:
    """What to do about something that is no artifact, as the end of a sentence; empty where nothing is known."""
    kind = source_model(names)
    if kind is None:
        return ""
    return f": this is {kind}; compile it first, belvedere compile {path.name} --out model.tar.gz"
