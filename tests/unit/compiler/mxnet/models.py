"""Writing MXNet models for tests: symbol files of every age, parameter files of every layout."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
CODES = {"float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4, "int8": 5, "int64": 6, "bool": 7}


def shape_bytes(shape: Sequence[int]) -> bytes:
    return struct.pack(f"<i{len(shape)}q", len(shape), *shape)


def array_bytes(array: NDArray[Any], layout: int | None = V2, device: int = 1) -> bytes:
    """One dense array; layout None is V0, the oldest."""
    kind = struct.pack("<iii", device, 0, CODES[array.dtype.name])
    data = np.ascontiguousarray(array).tobytes()
    if layout is None:
        return struct.pack(f"<I{array.ndim}I", array.ndim, *array.shape) + kind + data
    storage = b"" if layout == V1 else struct.pack("<i", 0)
    return struct.pack("<I", layout) + storage + shape_bytes(array.shape) + kind + data


def file_bytes(arrays: Sequence[bytes], names: Sequence[str]) -> bytes:
    """A list of arrays with their names."""
    encoded = [name.encode() for name in names]
    return (
        struct.pack("<QQQ", 0x112, 0, len(arrays))
        + b"".join(arrays)
        + struct.pack("<Q", len(encoded))
        + b"".join(struct.pack("<Q", len(name)) + name for name in encoded)
    )


def params_bytes(arrays: Mapping[str, NDArray[Any]], layout: int | None = V2) -> bytes:
    return file_bytes([array_bytes(array, layout) for array in arrays.values()], [f"arg:{name}" for name in arrays])


class Symbol:
    """Grows a graph; every method returns the entry ``[node, output]`` of what it added."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []

    def variable(self, name: str, **attributes: Any) -> list[int]:
        return self.op("null", name, **attributes)

    def op(self, op: str, name: str, *inputs: list[int], **attributes: Any) -> list[int]:
        node: dict[str, Any] = {"op": op, "name": name, "inputs": [[*entry, 0] for entry in inputs]}
        if attributes:
            node["attrs"] = {key: str(value) for key, value in attributes.items()}
        self.nodes.append(node)
        return [len(self.nodes) - 1, 0]

    def json(self, *heads: list[int], version: int | None = 10901) -> dict[str, Any]:
        content: dict[str, Any] = {
            "nodes": self.nodes,
            "arg_nodes": [index for index, node in enumerate(self.nodes) if node["op"] == "null"],
            "heads": [[*head, 0] for head in heads],
        }
        if version is not None:
            content["attrs"] = {"mxnet_version": ["int", version]}
        return content


def save(folder: Path, content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | bytes = b"") -> Path:
    """Write the two files of a model and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model-symbol.json").write_text(json.dumps(content))
    data = arrays if isinstance(arrays, bytes) and arrays else params_bytes(dict(arrays) if arrays else {})
    (folder / "model-0000.params").write_bytes(data)
    return folder
