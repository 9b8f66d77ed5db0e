"""Keras files as containers: HDF5 or zip, opened with every size bounded, and written again with another config."""

from __future__ import annotations

import importlib
import json
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belvedere.core.archives import safe_member_name
from belvedere.core.errors import ArtifactError, CompileError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
ZIP_MAGIC = b"PK\x03\x04"
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
_HDF5_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError)
_MOST_OBJECTS = 200_000
_SMALLEST_BOUND = 64 * 1024**2
_WEIGHTS_ONLY = (
    "holds weights only and no architecture: save the whole model (model.save('model.keras')) or export a SavedModel"
)


@dataclass(frozen=True, eq=False)
class KerasFile:
    """A Keras file, read as far as its configuration.

    Attributes:
        path: The file.
        zipped: Whether it is a ``.keras`` zip, else HDF5.
        config: The model's configuration.
        version: The version of Keras that wrote it; empty where it does not say.
    """

    path: Path
    zipped: bool
    config: dict[str, Any]
    version: str


def read_keras_file(path: Path) -> KerasFile:
    """Read the configuration of a ``.keras`` or ``.h5`` file.

    Raises:
        CompileError: damaged, unsafe, weights only, or neither of the two.
        LimitError: a configuration over the limit.
    """
    with path.open("rb") as stream:
        head = stream.read(len(HDF5_MAGIC))
    if head == HDF5_MAGIC:
        return _read_hdf5(path)
    if head.startswith(ZIP_MAGIC):
        return _read_zip(path)
    raise CompileError(f"{path}: neither the zip (.keras) nor the HDF5 (.h5) form of a Keras model, or damaged")


def write_copy(file: KerasFile, config: dict[str, Any], scratch: Path) -> Path:
    """Write the model's weights and another configuration to a new file of the same form.

    Weights are checked first: no links, no data in other files, no datasets that grow beyond the limits.

    Raises:
        CompileError: damaged or unsafe weights.
        LimitError: weights over the limits.
    """
    if file.zipped:
        return _write_zip(file, config, scratch)
    copy = scratch / "model.h5"
    h5py = _h5py()

    try:
        with h5py.File(file.path, "r") as source, h5py.File(copy, "w") as target:
            _check_datasets(source["model_weights"], file.path)
            source.copy("model_weights", target)
            target.attrs["model_config"] = json.dumps(config)
            target.attrs["keras_version"], target.attrs["backend"] = file.version, "tensorflow"
    except _HDF5_DAMAGE as error:
        if isinstance(error, CompileError | LimitError):
            raise
        raise CompileError(f"{file.path}: damaged weights ({error})") from error
    return copy


def _read_hdf5(path: Path) -> KerasFile:
    h5py = _h5py()

    try:
        with h5py.File(path, "r") as file:
            text, version = file.attrs.get("model_config"), file.attrs.get("keras_version", "")
            groups = set(file)
    except _HDF5_DAMAGE as error:
        raise CompileError(f"{path}: not a readable HDF5 file, or truncated ({error})") from error
    if text is None:
        raise CompileError(f"{path}: {_WEIGHTS_ONLY}")
    if "model_weights" not in groups:
        raise CompileError(f"{path}: holds an architecture and no weights (group model_weights)")
    return KerasFile(path, False, _parsed(text, path), _decoded(version))


def _read_zip(path: Path) -> KerasFile:
    try:
        with zipfile.ZipFile(path) as archive:
            names = _checked_names(archive, path)
            if _CONFIG not in names:
                raise CompileError(f"{path}: no {_CONFIG} in the zip: no Keras model, or it {_WEIGHTS_ONLY}")
            if _WEIGHTS not in names:
                raise CompileError(f"{path}: no {_WEIGHTS} in the zip: the weights are missing")
            config = _parsed(_member(archive, _CONFIG, path), path)
            metadata = _parsed(_member(archive, _METADATA, path), path) if _METADATA in names else {}
    except _ZIP_DAMAGE as error:
        if isinstance(error, CompileError | LimitError):
            raise
        raise CompileError(f"{path}: not a readable zip file, or truncated ({error})") from error
    return KerasFile(path, True, config, str(metadata.get("keras_version", ""))[:100])


def _checked_names(archive: zipfile.ZipFile, path: Path) -> set[str]:
    members = archive.infolist()
    if len(members) > DEFAULT_LIMITS.archive_members:
        raise LimitError(f"{path}: more than {DEFAULT_LIMITS.archive_members} files in the zip")
    names = [member.filename for member in members]
    try:
        for name in names:
            safe_member_name(name, path)
    except ArtifactError as error:
        raise CompileError(str(error)) from None
    if len(set(names)) != len(names):
        raise CompileError(f"{path}: a file is there twice in the zip")
    return set(names)


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    with archive.open(name) as stream:
        content = stream.read(DEFAULT_LIMITS.config_bytes + 1)
    if len(content) > DEFAULT_LIMITS.config_bytes:
        raise LimitError(f"{path}: {name} has more than {DEFAULT_LIMITS.config_bytes} bytes")
    return content


def _write_zip(file: KerasFile, config: dict[str, Any], scratch: Path) -> Path:
    h5py = _h5py()

    weights, copy = scratch / "weights.h5", scratch / "model.keras"
    most = _bound(file.path)
    try:
        with zipfile.ZipFile(file.path) as archive:
            if archive.getinfo(_WEIGHTS).file_size > most:
                raise LimitError(f"{file.path}: {_WEIGHTS} unpacks to more than {most} bytes")
            with archive.open(_WEIGHTS) as source, weights.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)  # ends at the size that was just checked
        with h5py.File(weights, "r") as opened:
            _check_datasets(opened, file.path)
    except (*_ZIP_DAMAGE, *_HDF5_DAMAGE) as error:
        if isinstance(error, CompileError | LimitError):
            raise
        raise CompileError(f"{file.path}: damaged weights ({error})") from error
    with zipfile.ZipFile(copy, "w") as archive:
        archive.writestr(_CONFIG, json.dumps(config))
        archive.writestr(_METADATA, json.dumps({"keras_version": file.version, "date_saved": ""}))
        archive.write(weights, _WEIGHTS)
    weights.unlink()
    return copy


def _check_datasets(group: Any, path: Path) -> None:
    """Refuse links, data outside the file and datasets that outgrow it; walk without following anything twice."""
    h5py = _h5py()

    left, most = _MOST_OBJECTS, _bound(path)
    seen: set[int] = set()
    pending = [group]
    while pending:
        current = pending.pop()
        for name in current:
            left -= 1
            if left < 0:
                raise LimitError(f"{path}: more than {_MOST_OBJECTS} objects in the file")
            if not isinstance(current.get(name, getlink=True), h5py.HardLink):
                raise CompileError(f"{path}: '{current.name}/{name}' is a link; Keras writes none")
            child = current[name]
            address = h5py.h5o.get_info(child.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(child, h5py.Group):
                pending.append(child)
                continue
            if not isinstance(child, h5py.Dataset) or child.is_virtual or child.external:
                raise CompileError(f"{path}: '{child.name}' keeps its data outside the file")
            most -= child.nbytes
            if most < 0:
                raise LimitError(f"{path}: its weights unpack to far more than the size of the file")


def _bound(path: Path) -> int:
    ratio = int(path.stat().st_size * DEFAULT_LIMITS.archive_ratio)
    return min(DEFAULT_LIMITS.archive_bytes, max(_SMALLEST_BOUND, ratio))


def _parsed(text: Any, path: Path) -> dict[str, Any]:
    if len(text) > DEFAULT_LIMITS.config_bytes:
        raise LimitError(f"{path}: its configuration has more than {DEFAULT_LIMITS.config_bytes} bytes")
    try:
        content = json.loads(_decoded(text))
    except (ValueError, RecursionError) as error:
        raise CompileError(f"{path}: its configuration is not readable JSON ({error})") from error
    if not isinstance(content, dict):
        raise CompileError(f"{path}: its configuration is not a JSON object")
    return content


def _h5py() -> Any:
    return importlib.import_module("h5py")


def _decoded(text: Any) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
