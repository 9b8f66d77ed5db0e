"""What every importer takes and gives: the protocol behind which frameworks hide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import onnx
    import openvino


DEFAULT_SIGNATURE = "serving_default"
"""The signature that TensorFlow calls the one for use."""


@dataclass(frozen=True)
class Source:
    """A model as it lies on disk; archives are unpacked before an importer sees them.

    Attributes:
        path: What the user named: a file, a folder, or an archive.
        root: The folder to look in: the named folder, the folder of the named file, or the unpacked archive.
        files: Files that belong to the model, relative to ``root``: the named file alone, or all files of a folder
            or archive at any depth.
    """

    path: Path
    root: Path
    files: tuple[Path, ...]

    @property
    def single(self) -> bool:
        """Whether the user named one file; its neighbours (weights, external data) lie beside it in ``root``."""
        return self.path.is_file() and len(self.files) == 1 and self.root == self.path.parent


@dataclass(frozen=True)
class Declared:
    """An input as the user declares it (DataInputConfig, descriptor, ``--input``).

    Attributes:
        name: Its name in the finished model, which wins over the graph's; None takes the graph's.
        shape: Static shape; -1 where the axis shall stay free.
        dtype: NumPy name of the element type; None for the graph's own.
    """

    name: str | None
    shape: tuple[int, ...]
    dtype: str | None = None


@dataclass(frozen=True)
class Request:
    """What the user said about a model to import.

    Attributes:
        inputs: Declared inputs in model order; empty takes the graph's own where they are static.
        outputs: Names of the outputs wanted, in order; empty takes the graph's own.
        arch: Name of an architecture in ``nets``, for a PyTorch state dict.
        signature: Signature of a TensorFlow SavedModel.
        options: Further options of one framework, by name.
    """

    inputs: tuple[Declared, ...] = ()
    outputs: tuple[str, ...] = ()
    arch: str | None = None
    signature: str = DEFAULT_SIGNATURE
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Port:
    """An input or output of the imported network.

    Attributes:
        name: Its name.
        shape: Its shape, -1 where an axis is free.
        dtype: NumPy name of the element type, such as ``float32``.
        layout: ``NCHW``, ``NHWC``, or empty where it is no picture or not known.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    layout: str = ""


@dataclass(frozen=True, eq=False)
class Imported:
    """A network in a form that our engines run.

    Attributes:
        framework: Where it comes from: ``onnx``, ``pytorch``, ``tensorflow``, ``tflite``, ``keras``, ``mxnet``,
            ``darknet``.
        network: ONNX wherever the source can become ONNX, else an OpenVINO model.
        inputs: Its inputs, named as declared, in the source's order.
        outputs: Its outputs in the source's order.
        notes: Sentences that the user should read.
        provenance: Facts for the manifest, such as the framework's version in the file; no host, path or time.
    """

    framework: str
    network: onnx.ModelProto | openvino.Model
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


class Importer(Protocol):
    """Reads the models of one framework. A module ``importers.<name>`` (or package) offers these two functions."""

    def probe(self, source: Source) -> float:
        """How sure it is that the source is its own, 0 to 1, by content and without the framework; never raises."""

    def load(self, source: Source, request: Request) -> Imported:
        """Read the model.

        Raises:
            CompileError: damaged, incomplete, unsupported or not as declared; the message names file, node and what
                to do, all faults of a kind at once.
            LimitError: a size over the limits.
            MissingExtraError: reading it needs a package that is not installed.
        """
