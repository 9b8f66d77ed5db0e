"""Recognising what SageMaker Neo and the TVM compiler behind it wrote: machine code, which no importer reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from belvedere.compiler.importing import Source
from belvedere.core.errors import CompileError

_CODE = frozenset({".so", ".ro", ".dylib", ".dll"})
_TVM_PARAMS = (0xF7E58D4F05049CB7).to_bytes(8, "little")  # kTVMNDArrayListMagic
_COMPANIONS = frozenset({"dlr.h", "libdlr.so", "version.json", "model-shapes.json", "hyperparams.json"})
_MOST_SHOWN = 5


def machine_code(source: Source) -> tuple[Path, ...]:
    """The compiled libraries and TVM parameter files of a source, relative to its root; empty for any other source."""
    return tuple(file for file in source.files if file.suffix.lower() in _CODE or _is_tvm_params(source.root / file))


def without_machine_code(source: Source, code: Sequence[Path]) -> Source:
    """The source less compiled libraries and what belongs to them (graph, metadata, header)."""
    stems = {file.stem for file in code}
    kept = tuple(
        file
        for file in source.files
        if file not in code
        and file.name not in _COMPANIONS
        and not (file.stem in stems and file.suffix in (".json", ".meta", ".params"))
        and not (file.suffix == ".json" and file.stem.removesuffix("_model") in stems)
    )
    return replace(source, files=kept)


def explain_machine_code(source: Source, code: Sequence[Path]) -> CompileError:
    """The error for a source that holds nothing but machine code: what it is, and how to get the model itself."""
    shown = ", ".join(file.as_posix() for file in code[:_MOST_SHOWN]) + (", ..." if len(code) > _MOST_SHOWN else "")
    text = (
        f"{source.path}: output of SageMaker Neo or TVM ({shown}): machine code for one kind of processor, from which "
        "the network cannot be taken back. Compile the model that went into Neo instead: "
        "'aws sagemaker describe-compilation-job --compilation-job-name NAME' names its archive under "
        "InputConfig.S3Uri and its shapes under InputConfig.DataInputConfig; for Panorama it is the archive that was "
        "given to 'panorama-cli add-raw-model'. Failing that, export the model again from the framework it was "
        "trained in"
    )
    if any("mochi" in file.parts for file in source.files):
        text += (
            ". This looks like a Lookout for Vision package: Lookout never handed out the network itself; train a new "
            "model on the same labelled pictures with 'belvedere train'"
        )
    return CompileError(text)


def _is_tvm_params(path: Path) -> bool:
    if path.suffix.lower() != ".params":
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(len(_TVM_PARAMS)) == _TVM_PARAMS
    except OSError:
        return False
