"""What the importer tests share: sources as the compiler sees them, running a network, writing TensorFlow graphs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.compiler.importing import Imported, Source
from belvedere.compiler.protobuf_wire import length_field
from belvedere.runtime.engine_imports import import_openvino

FLOAT = length_field(5, length_field(1, b"T") + length_field(2, b"\x30\x01"))


def source_of(path: Path) -> Source:
    """The source for a file, or for a folder with all its files."""
    if path.is_dir():
        return Source(path, path, tuple(sorted(f.relative_to(path) for f in path.rglob("*") if f.is_file())))
    return Source(path, path.parent, (Path(path.name),))


def run(imported: Imported, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Run an imported network in float32; outputs by name, in order."""
    openvino = import_openvino()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = openvino.Core().compile_model(imported.network, "CPU", settings)
    assert [port.get_any_name() for port in imported.network.inputs] == [port.name for port in imported.inputs]
    assert [port.get_any_name() for port in imported.network.outputs] == [port.name for port in imported.outputs]
    results = compiled({port.name: feeds[port.name] for port in imported.inputs})
    return {port.name: results[index] for index, port in enumerate(imported.outputs)}


def oracle(case: Path) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]], float]:
    """Inputs, expected outputs and tolerance of a case in shared/oracles/tensorflow."""
    with np.load(case / "io.npz") as arrays:
        inputs = {name.removeprefix("in_"): arrays[name] for name in arrays.files if name.startswith("in_")}
        outputs = {name.removeprefix("out_"): arrays[name] for name in arrays.files if name.startswith("out_")}
    return inputs, outputs, json.loads((case / "case.json").read_text())["rtol"]


def assert_like(got: NDArray[Any], expected: NDArray[Any], tolerance: float) -> None:
    """The comparison that the oracles' README states."""
    assert got.shape == expected.shape
    largest = max(1e-3, float(np.abs(expected).max(initial=0)))
    assert float(np.abs(got.astype(np.float64) - expected).max(initial=0)) <= tolerance * largest


def bilinear(picture: Image.Image, size: int) -> NDArray[np.uint8]:
    """A picture scaled without smoothing, as the references of the shared models were made; (1, size, size, 3)."""
    pixels = np.asarray(picture.convert("RGB"), np.float64)
    sampled = pixels
    for axis, length in enumerate(pixels.shape[:2]):
        at = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
        low = at.astype(int)
        share = (at - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        after = np.take(sampled, np.minimum(low + 1, length - 1), axis)
        sampled = np.take(sampled, low, axis) * (1 - share) + after * share
    return np.round(sampled).astype(np.uint8)[None]


def node(name: str, operator: str, *inputs: str, attributes: bytes = FLOAT) -> bytes:
    """An encoded node of a GraphDef, as a field of the graph."""
    read = b"".join(length_field(3, entry.encode()) for entry in inputs)
    return length_field(1, length_field(1, name.encode()) + length_field(2, operator.encode()) + read + attributes)


def placeholder(name: str, *shape: int, known: bool = True) -> bytes:
    """A float32 input of a GraphDef."""
    axes = b"".join(length_field(2, b"\x08" + bytes([axis])) for axis in shape)
    attributes = length_field(5, length_field(1, b"dtype") + length_field(2, b"\x30\x01"))
    if known:
        attributes += length_field(5, length_field(1, b"shape") + length_field(2, length_field(7, axes)))
    return node(name, "Placeholder", attributes=attributes)
