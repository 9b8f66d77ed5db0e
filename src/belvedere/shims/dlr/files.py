"""Finding the artifact that a program means by ``model_path``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from belvedere.core.archives import tar_members
from belvedere.core.errors import ArtifactError, LimitError
from belvedere.core.files import folder_or_backup

_ARCHIVES = (".tar.gz", ".tgz", ".tar")
_MACHINE_CODE = (".so", ".ro", ".dylib", ".dll", ".tensorrt")
_BESIDE = ("libdlr.so", "libdlr.dylib", "dlr.dll", "dlr.h")
"""Files of DLR itself, which tell nothing about the model."""


def artifact_path(model_path: str | os.PathLike[str] | Sequence[str]) -> Path:
    """The artifact at ``model_path``: that folder or archive itself, or the only one inside the folder.

    Args:
        model_path: A folder, an archive, or a list of files of one folder.

    Raises:
        ValueError: there is nothing, or two artifacts.
        ArtifactError: there is something else; the message tells how to come by an artifact.
    """
    if not isinstance(model_path, (str, os.PathLike)):
        named = [Path(name) for name in model_path]
        if not named:
            raise ValueError("model_path is an empty list")
        archives = [path for path in named if path.name.endswith(_ARCHIVES)]
        return artifact_path(archives[0] if len(archives) == 1 else named[0].parent)
    path = folder_or_backup(Path(model_path))
    if not path.exists():
        raise ValueError(f"model_path {os.fspath(model_path)} doesn't exist")
    if path.is_file():
        if path.name.endswith(_ARCHIVES):
            return path
        return artifact_path(path.parent)
    if (path / "manifest.json").is_file() and (path / "manifest.sha256").is_file():
        return path
    return _inside(path)


def _inside(folder: Path) -> Path:
    found = sorted(folder.iterdir())
    artifacts = [path for path in found if path.is_file() and _is_packed_artifact(path)]
    artifacts += [path for path in found if path.is_dir() and (path / "manifest.sha256").is_file()]
    if len(artifacts) > 1:
        names = ", ".join(path.name for path in artifacts)
        raise ValueError(f"Multiple models found under {folder}: {names}. Name one of them")
    if artifacts:
        return artifacts[0]
    raise ArtifactError(_what_is_there(folder, [path.name for path in found]))


def _is_packed_artifact(path: Path) -> bool:
    """Whether an archive is one of ours: other archives may lie beside it. A damaged one is looked at by the loader."""
    if not path.name.endswith(_ARCHIVES):
        return False
    try:
        return any(name == "manifest.sha256" for name, _ in tar_members(path))
    except (ArtifactError, LimitError):
        return False


def _what_is_there(folder: Path, names: list[str]) -> str:
    """Why there is no model, and what to do."""
    how = (
        "compile the model that it was made from (belvedere compile MODEL --out "
        f"{folder.name or 'compiled'}.tar.gz, where MODEL is the framework's own file or the model.tar.gz that the "
        "compilation job took: see its InputConfig.S3Uri, or the model's training job) and give that artifact to "
        "DLRModel"
    )
    code = [name for name in names if name.endswith(_MACHINE_CODE) and name not in _BESIDE]
    if code:
        return (
            f"{folder} holds a model that SageMaker Neo compiled to machine code ({', '.join(code)}). It runs on the "
            "kind of device that it was compiled for and on no other, with the retired DLR library, and cannot be "
            f"converted back: {how}"
        )
    sources = [name for name in names if name.endswith((".onnx", ".pb", ".tflite", ".h5", ".keras", ".pt", ".pth"))]
    sources += [name for name in names if name.endswith(("-symbol.json", ".params", ".cfg", ".weights"))]
    if sources:
        return f"{folder} holds a source model ({', '.join(sources)}), which is not compiled yet: {how}"
    return f"{folder} holds no model, only {', '.join(names[:8]) or 'nothing'}: {how}"
