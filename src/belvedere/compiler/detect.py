"""Choosing the importer of a source by what lies in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import cast

from belvedere.compiler.importing import Importer, Source
from belvedere.compiler.old_artifacts import explain_machine_code, machine_code, without_machine_code
from belvedere.core.errors import CompileError, OptionError

AUTO = "auto"
SURE = 0.5
"""Confidence of a probe from which on the source counts as a model of that framework."""

_MOST_SHOWN = 8


@dataclass(frozen=True)
class Framework:
    """What is known of a framework before its importer is asked.

    Attributes:
        expected: What its models look like, for messages.
        suffixes: Ends of the names of files of which a model has exactly one.
        missing: What Neo said when there was none.
        several: What Neo said when there were more.
    """

    expected: str
    suffixes: tuple[str, ...]
    missing: str
    several: str


FRAMEWORKS: Mapping[str, Framework] = MappingProxyType(
    {
        "onnx": Framework("one .onnx file", (".onnx",), "No onnx file provided", "Multiple onnx files provided"),
        "pytorch": Framework(
            "one .pt or .pth file (TorchScript, or a state dict with --arch) or .pt2 file",
            (".pt", ".pth", ".pt2"),
            "No pth file provided",
            "Exactly one .pth or .pt file is allowed for PyTorch models",
        ),
        "tensorflow": Framework(
            "a SavedModel folder or one frozen .pb graph",
            (".pb", ".pbtxt"),
            "No .pb file provided; exactly one .pb file is allowed for TensorFlow models",
            "Exactly one .pb file is allowed for TensorFlow models",
        ),
        "tflite": Framework(
            "one .tflite file", (".tflite",), "No tflite file provided", "Multiple tflite files provided"
        ),
        "keras": Framework(
            "one .keras or .h5 file", (".h5", ".hdf5", ".keras"), "No h5 file provided", "Multiple h5 files provided"
        ),
        "mxnet": Framework(
            "one -symbol.json and one .params file",
            ("-symbol.json",),
            "No symbol file provided; one -symbol.json and one .params file are needed for MXNet models",
            "Only one symbol and one parameter file is allowed for MXNet model",
        ),
        "darknet": Framework(
            "one .cfg and one .weights file",
            (".weights",),
            "No weights file provided; one .cfg and one .weights file are needed for Darknet models",
            "Exactly one .cfg and one .weights file is allowed for Darknet models",
        ),
    }
)
"""The frameworks with an importer, by the name of ``--framework``."""

# A SavedModel beside its frozen graph, versions in numbered folders: its importer knows which is meant.
_LEFT_TO_IMPORTER = frozenset({"tensorflow"})
_NO_NETWORKS = frozenset({"xgboost", "sklearn"})
_HINTS = MappingProxyType(
    {
        ".safetensors": "safetensors hold weights without a network; save a TorchScript, ONNX or .pt2 file",
        ".pkl": "pickles can run code and are not read; export the network as TorchScript or ONNX",
        ".joblib": "pickles can run code and are not read; export the network as ONNX",
        ".engine": "TensorRT engines are machine code; compile the model they were made from",
        ".plan": "TensorRT engines are machine code; compile the model they were made from",
        ".ckpt": "checkpoints hold weights without a network; export a SavedModel or TorchScript file",
        ".meta": "TensorFlow 1 checkpoints are not read; freeze the graph or export a SavedModel",
        ".caffemodel": "Caffe models are not read; convert to ONNX",
        ".mlmodel": "Core ML models are not read; compile the model they were made from",
        ".pdmodel": "Paddle models are not read; export with paddle2onnx",
        ".xml": "OpenVINO IR is a compiled form already; compile the model it was made from",
    }
)


def load_importer(name: str) -> Importer:
    """Import the module ``importers.<name>``; modules of other frameworks stay out of memory."""
    return cast("Importer", import_module(f"belvedere.compiler.importers.{name}"))


def choose_importer(
    source: Source, framework: str = AUTO, *, load: Callable[[str], Importer] = load_importer
) -> tuple[str, Importer]:
    """Find the importer for a source.

    Args:
        source: What ``open_source`` gave.
        framework: A name in ``FRAMEWORKS``, in any case, or ``auto`` to look at the content.
        load: Where importers come from.

    Returns:
        The framework's name and its importer.

    Raises:
        CompileError: nothing that is known, models of two frameworks, two models of one, or an artifact of Neo.
        OptionError: no such framework.
    """
    name = _known(framework)
    code = machine_code(source)
    rest = without_machine_code(source, code) if code else source
    if code and (not rest.files or _best(rest, load) < SURE):
        raise explain_machine_code(source, code)
    if name != AUTO:
        importer = load(name)
        if importer.probe(rest) <= 0 and not _named_like(rest, name):
            raise CompileError(f"{source.path}: {FRAMEWORKS[name].missing}. {_found(source)}")
    else:
        name, importer = _recognised(rest, load)
    _only_one(rest, name)
    return name, importer


def _known(framework: str) -> str:
    name = framework.strip().lower()
    if name in _NO_NETWORKS:
        raise OptionError(f"framework {framework}: its models are not neural networks for pictures and are not read")
    if name != AUTO and name not in FRAMEWORKS:
        raise OptionError(f"no framework {framework!r}; expected auto, {', '.join(FRAMEWORKS)}")
    return name


def _best(source: Source, load: Callable[[str], Importer]) -> float:
    return max(load(name).probe(source) for name in FRAMEWORKS)


def _recognised(source: Source, load: Callable[[str], Importer]) -> tuple[str, Importer]:
    importers = {name: load(name) for name in FRAMEWORKS}
    confidence = {name: importer.probe(source) for name, importer in importers.items()}
    sure = [name for name in FRAMEWORKS if confidence[name] >= SURE]
    if not sure:
        raise _unknown(source, confidence)
    if len(sure) > 1:
        files = "; ".join(f"{name}: {_shown(_named_like(source, name)) or 'by content'}" for name in sure)
        raise CompileError(
            f"{source.path}: models of {len(sure)} frameworks in one place ({files}); name the file of one, or choose "
            f"with --framework {'|'.join(sure)}"
        )
    return sure[0], importers[sure[0]]


def _only_one(source: Source, name: str) -> None:
    files = _named_like(source, name)
    if len(files) > 1 and name not in _LEFT_TO_IMPORTER:
        raise CompileError(
            f"{source.path}: {FRAMEWORKS[name].several}; found {_shown(files)}: name the one to compile, or an archive "
            "that holds no other"
        )


def _named_like(source: Source, name: str) -> tuple[Path, ...]:
    return tuple(file for file in source.files if file.name.lower().endswith(FRAMEWORKS[name].suffixes))


def _unknown(source: Source, confidence: Mapping[str, float]) -> CompileError:
    expected = "; ".join(f"{name}: {framework.expected}" for name, framework in FRAMEWORKS.items())
    hints = {_HINTS[file.suffix.lower()] for file in source.files if file.suffix.lower() in _HINTS}
    likeliest = max(confidence, key=lambda name: confidence[name])
    if confidence[likeliest] > 0:
        hints.add(f"most like {likeliest}: say --framework {likeliest} to read it as such")
    return CompileError(
        f"{source.path}: no model that is known here. {_found(source)} Expected one of: {expected}."
        + "".join(f" Note: {hint}." for hint in sorted(hints))
    )


def _found(source: Source) -> str:
    return f"Found: {_shown(source.files)}."


def _shown(files: tuple[Path, ...]) -> str:
    more = f" and {len(files) - _MOST_SHOWN} more" if len(files) > _MOST_SHOWN else ""
    return ", ".join(file.as_posix() for file in files[:_MOST_SHOWN]) + more
