"""A network as engines read it: its content, or where that lies on disk."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal, cast

from belvedere.core.errors import EngineError
from belvedere.core.files import sha256_of
from belvedere.runtime.folder import Content

NETWORK_FORMATS = ("onnx", "openvino-ir")


@dataclass(frozen=True, eq=False)
class NetworkFiles:
    """A network and the files that belong to it.

    Attributes:
        content: The ONNX file, or the XML file of an OpenVINO IR.
        format: ``onnx`` or ``openvino-ir``.
        weights: The IR's ``.bin`` file; None where it has none.
        external: ONNX external data: location as the network states it, to content.
        path: The network's file on disk with its other files beside it, where they lie there unchanged.
        weights_path: The IR's ``.bin`` file on disk, likewise.
        sha256: SHA-256 of every file in the order of the fields; computed where not known already.
    """

    content: Content
    format: Literal["onnx", "openvino-ir"] = "onnx"
    weights: Content | None = None
    external: Mapping[str, Content] = field(default_factory=dict)
    path: Path | None = None
    weights_path: Path | None = None
    sha256: tuple[str, ...] = ()

    @cached_property
    def identity(self) -> str:
        """Names the content: equal for equal networks, whatever their files are called."""
        contents = [self.content, *([] if self.weights is None else [self.weights]), *self.external.values()]
        return sha256_of("\n".join([self.format, *(self.sha256 or map(sha256_of, contents))]).encode())

    @cached_property
    def names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The ONNX file's names for its inputs and outputs, in its order.

        Raises:
            EngineError: it is no ONNX file.
        """
        graph = _parsed(self.content).graph
        constants = {constant.name for constant in graph.initializer}
        inputs = tuple(value.name for value in graph.input if value.name not in constants)
        return inputs, tuple(value.name for value in graph.output)

    @contextmanager
    def on_disk(self) -> Iterator[Path]:
        """The path of the network's file, with its external data beside it, for the length of the block.

        Raises:
            EngineError: it had to be written to the system's temporary folder, and could not.
        """
        if self.path is not None:
            yield self.path
            return
        with tempfile.TemporaryDirectory(prefix="belvedere-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            try:
                (folder / "network.onnx").write_bytes(self.content)
                for location, content in self.external.items():
                    target = folder / location
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content)
            except OSError as error:
                raise EngineError(f"the network cannot be unpacked to {folder} ({error.strerror or error})") from error
            yield folder / "network.onnx"


def check_external(network: NetworkFiles) -> None:
    """Make sure that an ONNX file takes weights from the files that belong to it, and from no others.

    An engine would open whatever path the file states.

    Raises:
        EngineError: it states another one; the message lists them.
    """
    # Every reference to another file has the key "location", so that most networks need no parsing here.
    if network.format != "onnx" or not (network.external or _mentions(network.content, b"location")):
        return
    found = external_locations(_parsed(network.content))
    known = {_plain(location) for location in network.external}
    foreign = sorted(location for location in found if _plain(location) not in known)
    if foreign:
        raise EngineError(
            f"the engine refuses the network: it takes weights from files that are no part of it: "
            f"{', '.join(foreign[:8])}"
        )


def external_locations(model: Any) -> set[str]:
    """Paths of all files that an ``onnx.ModelProto`` takes tensors from, as it states them."""
    found: set[str] = set()
    nodes = [node for function in model.functions for node in function.node]
    graphs = [model.graph]
    while graphs or nodes:
        tensors = []
        if graphs:
            graph = graphs.pop()
            tensors += graph.initializer
            for sparse in graph.sparse_initializer:
                tensors += [sparse.values, sparse.indices]
            nodes += graph.node
        for attribute in (attribute for node in nodes for attribute in node.attribute):
            tensors += [attribute.t, *attribute.tensors]
            graphs += [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]
        nodes = []
        for tensor in tensors:
            if tensor.data_location == tensor.EXTERNAL:
                stated = {entry.key: entry.value for entry in tensor.external_data}
                found.add(stated.get("location", ""))
    return found


def _parsed(content: Content) -> Any:
    """The ``onnx.ModelProto`` without its external data. Raises EngineError."""
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(_bytes(content))
    except DecodeError as error:
        raise EngineError(f"the engine refuses the network (not an ONNX file: {error})") from None
    return model


def _mentions(content: Content, word: bytes) -> bool:
    if isinstance(content, bytes):
        return word in content
    mapped = cast("mmap.mmap", content.obj)  # searched without a copy of all of it
    return mapped.find(word) >= 0


def _plain(location: str) -> str:
    return os.fspath(PurePosixPath(location))


def _bytes(content: Content) -> bytes:
    return content if isinstance(content, bytes) else bytes(content)
