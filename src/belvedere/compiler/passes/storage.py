"""Writing ONNX models of any size: one file up to 2 GB, above that the weights in a second one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

LARGE_BYTES = 1_900_000_000
"""From this size weights go into a second file: one ONNX message holds 2 GB at most."""
_SMALLEST_APART = 1024


def stored_bytes(tensor: onnx.TensorProto) -> int:
    """Bytes that a tensor's content takes, whichever field holds it; an estimate for texts."""
    import onnx

    if tensor.HasField("raw_data"):
        return len(tensor.raw_data)
    if tensor.data_type == onnx.TensorProto.STRING:
        return sum(len(text) + 4 for text in tensor.string_data)
    count = 1
    for size in tensor.dims:
        count *= size
    return count * int(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)


def model_bytes(model: onnx.ModelProto) -> int:
    """About the size of a model's file. (``ByteSize`` fails above 2 GB, and writes the whole message to count it.)"""
    per_node = 200
    return sum(map(stored_bytes, model.graph.initializer)) + per_node * len(model.graph.node)


def read_external(model: onnx.ModelProto, folder: Path) -> None:
    """Read tensors that lie in files of a folder into the model, which may then be larger than one message may be.

    Args:
        model: Changed in place; its references have been checked by the importer.
        folder: Where the files lie.
    """
    import onnx
    from onnx import external_data_helper

    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            external_data_helper.load_external_data_for_tensor(tensor, str(folder))
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]


def save(model: onnx.ModelProto, folder: Path, stem: str = "network", *, large: int = LARGE_BYTES) -> Path:
    """Write a model that is whole in memory; it stays as it is.

    Args:
        model: With its weights inside.
        folder: Existing folder.
        stem: Of the file's name; weights of a large model go to ``<stem>.data`` beside it.
        large: From this many bytes on.

    Returns:
        The path of the ``.onnx`` file.
    """
    import onnx

    path = folder / f"{stem}.onnx"
    if model_bytes(model) < large:
        onnx.save_model(model, path)
        return path
    skeleton, weights = split(model, f"{stem}.data")
    (folder / f"{stem}.data").write_bytes(weights)
    path.write_bytes(skeleton)
    return path


def split(model: onnx.ModelProto, location: str) -> tuple[bytes, bytes]:
    """Divide a model into the file that holds the graph and the one that holds the weights.

    Args:
        model: With its weights inside; stays as it is.
        location: Name of the second file, as the first one states it.

    Returns:
        Content of both.
    """
    import onnx
    from onnx import numpy_helper

    skeleton = onnx.ModelProto()
    for field, value in model.ListFields():
        if field.name != "graph":
            _copy_field(skeleton, field.name, value)
    for field, value in model.graph.ListFields():
        if field.name != "initializer":
            _copy_field(skeleton.graph, field.name, value)
    pieces, offset = [], 0
    for tensor in model.graph.initializer:
        if stored_bytes(tensor) < _SMALLEST_APART or tensor.data_type == onnx.TensorProto.STRING:
            skeleton.graph.initializer.append(tensor)
            continue
        content = tensor.raw_data or numpy_helper.to_array(tensor).tobytes()
        entry = skeleton.graph.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        entry.data_location = onnx.TensorProto.EXTERNAL
        for key, text in (("location", location), ("offset", str(offset)), ("length", str(len(content)))):
            entry.external_data.add(key=key, value=text)
        pieces.append(content)
        offset += len(content)
    return bytes(skeleton.SerializeToString()), b"".join(pieces)


def _copy_field(target: object, name: str, value: object) -> None:
    place = getattr(target, name)
    if hasattr(place, "extend"):
        place.extend(value)
    elif hasattr(place, "CopyFrom"):
        place.CopyFrom(value)
    else:
        setattr(target, name, value)
