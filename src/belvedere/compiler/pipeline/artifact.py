"""Putting a finished network into an artifact."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.graph import opset_of
from belvedere.compiler.passes.storage import LARGE_BYTES, model_bytes, split
from belvedere.compiler.pipeline.network import size_of
from belvedere.core.errors import ArtifactError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.runtime import Artifact
from belvedere.runtime.engine_imports import import_openvino
from belvedere.runtime.manifest import Network
from belvedere.runtime.selftest import SELFTEST, selftest_file

if TYPE_CHECKING:
    import onnx
    import openvino

ONNX_FILE, EXTERNAL_FILE = "model.onnx", "model.data"
_SUFFIX = re.compile(
    r"(-symbol|-\d{4})?\.(json|params|onnx|pb|pbtxt|tflite|h5|hdf5|keras|pt|pth|pt2|cfg|weights|tar|gz|tgz|zip)$",
    re.IGNORECASE,
)
_BESIDES = 64 * 1024**2
"""Bytes of an artifact that are not its network: self-test, reports, labels."""
XML_FILE, BIN_FILE = "openvino/model.xml", "openvino/model.bin"


def check_size(network: onnx.ModelProto | openvino.Model, limits: Limits = DEFAULT_LIMITS) -> None:
    """Refuse a network whose artifact could be written, but not loaded.

    Args:
        network: The finished network.
        limits: Of those who load it.

    Raises:
        LimitError: it is too large.
    """
    size = size_of(network) + _BESIDES
    if size > limits.archive_bytes:
        raise LimitError(
            f"the artifact would hold about {size} bytes; loading one stops at {limits.archive_bytes} (archive_bytes): "
            "a lower precision such as f16 or int8 stores weights in less, else the network has to be divided"
        )


def network_files(
    network: onnx.ModelProto | openvino.Model, *, large: int = LARGE_BYTES
) -> tuple[Network, dict[str, bytes]]:
    """The files of a network and how the manifest lists them. Equal networks give equal bytes.

    Args:
        network: The finished network.
        large: From this many bytes the weights of an ONNX model get a file of their own.
    """
    if not is_onnx(network):
        return Network(file=XML_FILE, format="openvino-ir", weights=BIN_FILE), _ir_files(network)
    if model_bytes(network) < large:
        content = network.SerializeToString(deterministic=True)
        return Network(file=ONNX_FILE, opset=opset_of(network)), {ONNX_FILE: content}
    skeleton, weights = split(network, EXTERNAL_FILE)
    listed = Network(file=ONNX_FILE, external_data=(EXTERNAL_FILE,), opset=opset_of(network))
    return listed, {ONNX_FILE: skeleton, EXTERNAL_FILE: weights}


def _ir_files(model: openvino.Model) -> dict[str, bytes]:
    openvino = import_openvino()
    with tempfile.TemporaryDirectory(prefix="belvedere-") as name:
        path = Path(name) / "model.xml"
        # Its default would round every constant to float16, tables of boxes too.
        openvino.save_model(model, path, compress_to_fp16=False)
        xml = path.read_bytes()
        weights = path.with_suffix(".bin").read_bytes()
    return {XML_FILE: _without_paths(xml), BIN_FILE: weights}


def _without_paths(xml: bytes) -> bytes:
    """The IR without its ``rt_info`` of the conversion, which names files and folders of this machine."""
    return re.sub(rb"\s*<conversion_parameters>.*?</conversion_parameters>", b"", xml, flags=re.DOTALL)


def build(
    network: onnx.ModelProto | openvino.Model,
    *,
    name: str,
    parts: Mapping[str, Any],
    precision: str,
    target: str,
    engine: str,
    provenance: Mapping[str, Any],
    selftest: tuple[Mapping[str, NDArray[Any]], Sequence[NDArray[Any]], float] | None = None,
) -> Artifact:
    """An artifact of a finished network.

    Args:
        network: The finished network.
        name: What people call it.
        parts: ``task``, ``labels``, ``inputs``, ``outputs``, ``decoder`` and ``batch`` of the manifest.
        precision: Of the network.
        target: What it is made for.
        engine: ``auto``, or the one it needs.
        provenance: Facts about where it comes from.
        selftest: Inputs, outputs that were measured, and the tolerance.

    Raises:
        ArtifactError: a part does not fit.
    """
    listed, files = network_files(network)
    checked: BaseModel | Mapping[str, Any] | None = None
    if selftest is not None:
        inputs, outputs, tolerance = selftest
        files[SELFTEST] = selftest_file(inputs, outputs)
        checked = {"file": SELFTEST, "tolerance": tolerance}
    return Artifact.build(
        files=files,
        name=name,
        network=listed,
        precision=precision,
        target=target,
        engine=engine,
        provenance=provenance,
        selftest=checked,
        **parts,
    )


def plain_name(stem: str) -> str:
    """A model's name from that of its file: no suffixes, no control characters, never empty."""
    cleaned = _SUFFIX.sub("", stem)
    if cleaned != stem:
        return plain_name(cleaned)
    return re.sub(r"[\x00-\x1f\x7f]", "", cleaned)[:128].strip() or "model"


def load_network(artifact: Artifact) -> onnx.ModelProto | openvino.Model:
    """The network of an artifact for looking at; an ONNX model's external weights are not read.

    Raises:
        ArtifactError: it is damaged.
    """
    network = artifact.manifest.network
    content = bytes(artifact.files[network.file])
    if network.format == "onnx":
        import onnx
        from google.protobuf.message import DecodeError

        model = onnx.ModelProto()
        try:
            model.ParseFromString(content)
        except DecodeError as error:
            raise ArtifactError(f"{network.file}: not an ONNX model ({error})") from error
        return model
    openvino = import_openvino()
    weights = bytes(artifact.files[network.weights]) if network.weights else b""
    try:
        core = openvino.Core()
        return core.read_model(model=content, weights=openvino.Tensor(np.frombuffer(weights, np.uint8)))
    except RuntimeError as error:
        raise ArtifactError(f"{network.file}: not an OpenVINO model ({error})") from error
