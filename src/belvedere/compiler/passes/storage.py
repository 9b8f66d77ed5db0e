"""Writing ONNX models of any size: one file up to 2 GB, above that the weights in a second one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from belvedere.compiler.passes.walking import dense_tensors, model_nodes, tensors

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
    return sum(map(stored_bytes, tensors(model))) + per_node * sum(1 for _ in model_nodes(model))


def read_external(model: onnx.ModelProto, folder: Path) -> None:
    """Read tensors that lie in files of a folder into the model, which may then be larger than one message may be.

    Constants of the main graph that are nodes become initializers, because no message can hold 2 GB, nor a node.

    Args:
        model: Changed in place; its references have been checked by the importer.
        folder: Where the files lie.
    """
    import onnx
    from onnx import external_data_helper

    if not any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors(model)):
        return
    kept = []
    for node in model.graph.node:
        value = next((one.t for one in node.attribute if one.name == "value"), None)
        if node.op_type == "Constant" and value is not None and value.data_location == onnx.TensorProto.EXTERNAL:
            model.graph.initializer.add().CopyFrom(value)
            model.graph.initializer[-1].name = node.output[0]
        else:
            kept.append(node)
    if len(kept) < len(model.graph.node):
        del model.graph.node[:]
        model.graph.node.extend(kept)
    for tensor in tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            external_data_helper.load_external_data_for_tensor(tensor, str(folder))
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]


def copy_of(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a model of any size. (``CopyFrom`` fails above 2 GB.)"""
    copy = _without_weights(model)
    for tensor in model.graph.initializer:
        place = copy.graph.initializer.add()
        if tensor.HasField("raw_data"):
            place.CopyFrom(_described(tensor))
            place.raw_data = tensor.raw_data
        else:
            place.CopyFrom(tensor)
    return copy


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

    Constants in attributes and in subgraphs are weights as well; sparse ones stay in the graph.

    Args:
        model: With its weights inside; stays as it is.
        location: Name of the second file, as the first one states it.

    Returns:
        Content of both.
    """
    skeleton = _without_weights(model)
    weights = _Weights(location)
    for tensor in dense_tensors(skeleton):
        if _goes_apart(tensor):
            weights.take(tensor, tensor)
    # The largest part of a model is not copied only to be removed.
    for tensor in model.graph.initializer:
        if _goes_apart(tensor):
            weights.take(tensor, skeleton.graph.initializer.add())
        else:
            skeleton.graph.initializer.append(tensor)
    return bytes(skeleton.SerializeToString()), b"".join(weights.pieces)


def _goes_apart(tensor: onnx.TensorProto) -> bool:
    import onnx

    return stored_bytes(tensor) >= _SMALLEST_APART and tensor.data_type != onnx.TensorProto.STRING


class _Weights:
    """The content of a file of weights, as it grows."""

    def __init__(self, location: str) -> None:
        self.pieces: list[bytes] = []
        self._location, self._offset = location, 0

    def take(self, tensor: onnx.TensorProto, place: onnx.TensorProto) -> None:
        """Append a tensor's content, and let ``place``, which may be the tensor, refer to it."""
        import onnx
        from onnx import numpy_helper

        content = tensor.raw_data or numpy_helper.to_array(tensor).tobytes()
        light = _described(tensor)
        light.data_location = onnx.TensorProto.EXTERNAL
        for key, text in (
            ("location", self._location),
            ("offset", str(self._offset)),
            ("length", str(len(content))),
        ):
            light.external_data.add(key=key, value=text)
        place.CopyFrom(light)
        self.pieces.append(content)
        self._offset += len(content)


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnx

    copy = onnx.ModelProto()
    for field, value in model.ListFields():
        if field.name != "graph":
            _copy_field(copy, field.name, value)
    copy.graph.SetInParent()
    for field, value in model.graph.ListFields():
        if field.name != "initializer":
            _copy_field(copy.graph, field.name, value)
    return copy


def _described(tensor: onnx.TensorProto) -> onnx.TensorProto:
    """Name, type and dimensions of a tensor."""
    import onnx

    return onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)


def _copy_field(target: object, name: str, value: object) -> None:
    place = getattr(target, name)
    if hasattr(place, "extend"):
        place.extend(value)
    elif hasattr(place, "CopyFrom"):
        place.CopyFrom(value)
    else:
        setattr(target, name, value)
