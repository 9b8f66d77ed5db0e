"""The artifact: one model with everything it needs, as a folder or an archive.

Inside are ``manifest.json`` with size and SHA-256 of every file, ``manifest.sha256`` with that of the manifest
itself, the files, and ``reports/`` with checksums of its own. What does not agree is refused on loading.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from belvedere.core.archives import read_tar, safe_member_name, write_tar
from belvedere.core.errors import ArtifactError, NotAnArtifactError, StorageError
from belvedere.core.files import atomic_write, folder_or_backup, sha256_of, write_folder
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.runtime.checksums import REPORTS, SUMS, check_reports, checksum_lines
from belvedere.runtime.folder import Content, Origin, read_folder
from belvedere.runtime.foreign import advice, source_model
from belvedere.runtime.manifest import Manifest, checked_manifest, parse_manifest
from belvedere.runtime.network import NetworkFiles

MANIFEST = "manifest.json"
MANIFEST_SUM = "manifest.sha256"


@dataclass(frozen=True, eq=False, repr=False)
class Artifact:
    """One model, ready to run anywhere Belvedere runs. Two artifacts are the same model if ``digest`` agrees.

    Attributes:
        manifest: What the model is; holds size and SHA-256 of every file.
        files: Relative POSIX path to content, exactly what ``manifest.files`` lists. Large files of a folder are
            mapped into memory (``memoryview``).
        reports: Name inside ``reports/`` to content: measurements, outside the digest.
        origin: The folder that it was loaded from; None for an archive, or where it was made in this process.
        verified: Whether the files have been checked against the manifest already.

    Raises:
        ArtifactError: ``files`` is not what the manifest lists.
    """

    manifest: Manifest
    files: Mapping[str, Content]
    reports: Mapping[str, Content] = field(default_factory=dict)
    origin: Origin | None = None
    verified: InitVar[bool] = False

    def __post_init__(self, verified: bool) -> None:
        if not verified:
            _check_files(self.manifest, self.files, "artifact")
        object.__setattr__(self, "files", MappingProxyType(dict(self.files)))
        object.__setattr__(self, "reports", MappingProxyType(dict(self.reports)))

    def __repr__(self) -> str:
        manifest, size = self.manifest, sum(map(len, self.files.values()))
        return f"<Artifact '{manifest.name}': {manifest.task}, {size} bytes, digest {self.digest[:12]}>"

    @classmethod
    def build(
        cls,
        *,
        files: Mapping[str, Content],
        task: str,
        name: str,
        network: BaseModel | Mapping[str, Any],
        inputs: Sequence[BaseModel | Mapping[str, Any]],
        outputs: Sequence[BaseModel | Mapping[str, Any]],
        decoder: BaseModel | Mapping[str, Any],
        labels: Sequence[str] = (),
        precision: str = "f32",
        target: str = "cpu",
        engine: str = "auto",
        batch: int = 1,
        selftest: BaseModel | Mapping[str, Any] | None = None,
        provenance: Mapping[str, Any] | None = None,
        reports: Mapping[str, Content] | None = None,
    ) -> Artifact:
        """Make an artifact from its files and the manifest's fields; sizes and hashes are filled in.

        Args:
            files: Relative POSIX path to content, the network among them.
            task: See ``Manifest``, as are the other fields; parts may be manifest models or plain mappings.
            name: What people call the model.
            network: ``{"file": ...}``, and for an OpenVINO IR or external data what else belongs to it.
            inputs: The network's inputs, in order.
            outputs: The network's outputs, in order.
            decoder: How outputs become a result.
            labels: Names the model tells apart.
            precision: What the engine computes in.
            target: What kind of device it is for.
            engine: The engine that the network needs; ``auto`` where any will do.
            batch: Pictures per network call.
            selftest: ``{"file": ..., "tolerance": ...}``, see ``runtime.selftest``.
            provenance: JSON facts about where the model comes from.
            reports: Name inside ``reports/`` to content.

        Raises:
            ArtifactError: a field is wrong.
        """
        document = {
            "format": "belvedere-artifact",
            "schema_version": 1,
            "task": task,
            "name": name,
            "labels": list(labels),
            "network": _plain(network),
            "inputs": [_plain(part) for part in inputs],
            "outputs": [_plain(part) for part in outputs],
            "decoder": _plain(decoder),
            "precision": precision,
            "target": target,
            "engine": engine,
            "batch": batch,
            "selftest": None if selftest is None else _plain(selftest),
            "provenance": dict(provenance or {}),
            "files": {path: _entry(data) for path, data in files.items()},
        }
        return cls(checked_manifest(document, "manifest"), files, reports or {})

    @classmethod
    def load(cls, path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> Artifact:
        """Read an artifact from a folder or a ``.tar``, ``.tar.gz`` or ``.tgz`` and verify every file of it.

        Raises:
            ArtifactError: there is none, it is damaged, unsafe, incomplete, changed or of a newer version.
            NotAnArtifactError: what is there is something else, such as a model to compile first.
            LimitError: it is larger than ``limits`` allow.
        """
        path = folder_or_backup(Path(path))
        if not path.exists():
            raise ArtifactError(f"{path}: there is no such artifact")
        if path.is_file() and source_model([path.name]):
            raise NotAnArtifactError(f"{path}: not a Belvedere artifact{advice(path, [path.name])}")
        contents, origin = _read(path, limits)
        if MANIFEST not in contents:
            damaged = MANIFEST_SUM in contents
            kind, more = (ArtifactError, "") if damaged else (NotAnArtifactError, advice(path, contents))
            raise kind(f"{path}: no {MANIFEST} at its top, so this is not a Belvedere artifact{more}")
        manifest = parse_manifest(bytes(contents.pop(MANIFEST)), f"{path}/{MANIFEST}")
        _check_manifest(manifest, contents.pop(MANIFEST_SUM, None), str(path))
        reports = {
            name.removeprefix(REPORTS): contents.pop(name) for name in list(contents) if name.startswith(REPORTS)
        }
        _check_files(manifest, contents, str(path))
        return cls(manifest, contents, check_reports(reports, str(path)), origin, verified=True)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the artifact: an archive for ``.tar.gz``, ``.tgz`` and ``.tar``, else a folder.

        Equal artifacts give equal bytes. A crash leaves what was there before, or the new artifact.

        Raises:
            StorageError: the file system refused, or ``path`` is a folder that holds something else; what was
                there before is unchanged.
        """
        path = Path(path)
        if path.name.endswith((".tar", ".tar.gz", ".tgz")):
            with atomic_write(path) as stream:
                write_tar(stream, self._contents(), compressed=not path.name.endswith(".tar"))
        else:
            if path.is_dir() and any(path.iterdir()) and not (path / MANIFEST).is_file():
                raise StorageError(
                    f"{path} is a folder with other files, which saving would remove: name a new folder, or a "
                    ".tar.gz file"
                )
            write_folder(path, self._contents())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical manifest, which holds the hash of every file; reports are outside."""
        return sha256_of(self.manifest.to_json())

    @property
    def network(self) -> bytes:
        """The network file's content, without what lies beside it (``network_files`` has that)."""
        return bytes(self.files[self.manifest.network.file])

    @property
    def network_files(self) -> NetworkFiles:
        """The network with all its files, as engines read it.

        Raises:
            ArtifactError: it was loaded from a folder whose large files have changed since.
        """
        network = self.manifest.network
        names = [network.file, *([network.weights] if network.weights else []), *network.external_data]
        path = weights_path = None
        if self.origin and (network.external_data or any(isinstance(self.files[name], memoryview) for name in names)):
            path, *others = [self.origin.path(name) for name in names]
            weights_path = others[0] if network.weights else None
        folder = PurePosixPath(network.file).parent
        return NetworkFiles(
            content=self.files[network.file],
            format=network.format,
            weights=self.files[network.weights] if network.weights else None,
            external={str(PurePosixPath(name).relative_to(folder)): self.files[name] for name in network.external_data},
            path=path,
            weights_path=weights_path,
            sha256=tuple(self.manifest.files[name].sha256 for name in names),
        )

    def with_report(self, name: str, data: Content) -> Artifact:
        """A copy that also holds ``reports/<name>``; the digest stays the same.

        Raises:
            ArtifactError: ``name`` is not a plain relative path.
        """
        if safe_member_name(name, "reports") != name or name == SUMS:
            raise ArtifactError(f"reports: {name!r} cannot be the name of a report")
        return replace(self, reports={**self.reports, name: data}, verified=True)

    def _contents(self) -> dict[str, Content]:
        contents: dict[str, Content] = {MANIFEST: self.manifest.to_json(), MANIFEST_SUM: _manifest_sum(self.digest)}
        contents.update(self.files)
        contents.update({REPORTS + name: data for name, data in self.reports.items()})
        if self.reports:
            contents[REPORTS + SUMS] = checksum_lines(self.reports)
        return contents


def _read(path: Path, limits: Limits) -> tuple[dict[str, Content], Origin | None]:
    if path.is_dir():
        return read_folder(path, limits)
    return dict(read_tar(path, limits)), None


def _manifest_sum(digest: str) -> bytes:
    """The line that lets ``sha256sum -c manifest.sha256`` verify the manifest as it is written."""
    return f"{digest}  {MANIFEST}\n".encode()


def _check_manifest(manifest: Manifest, stated: Content | None, where: str) -> None:
    """The manifest vouches for all other files; this file vouches for the manifest."""
    if stated is None:
        raise ArtifactError(f"{where}: missing: {MANIFEST_SUM}")
    if stated != _manifest_sum(sha256_of(manifest.to_json())):
        raise ArtifactError(f"{where}: changed since the artifact was made: {MANIFEST} (against {MANIFEST_SUM})")


def _check_files(manifest: Manifest, files: Mapping[str, Content], where: str) -> None:
    """Compare files with the manifest's list; the first kind of fault found is named with all its files."""
    faults = {
        "missing": sorted(manifest.files.keys() - files.keys()),
        "not listed in the manifest": sorted(files.keys() - manifest.files.keys()),
        "changed since the artifact was made": [
            name for name, entry in sorted(manifest.files.items())
            if name in files and _entry(files[name]) != entry.model_dump()
        ],
    }  # fmt: skip
    for fault, names in faults.items():
        if names:
            raise ArtifactError(f"{where}: {fault}: {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}")
    reserved = [name for name in manifest.files if name in (MANIFEST, MANIFEST_SUM) or name.startswith(REPORTS)]
    if reserved:
        raise ArtifactError(f"{where}: the manifest must not list {reserved[0]}")


def _entry(data: Content) -> dict[str, Any]:
    return {"sha256": sha256_of(data), "bytes": len(data)}


def _plain(part: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON values of a manifest part (tuples become lists)."""
    if isinstance(part, BaseModel):
        return part.model_dump(mode="json")
    copied: dict[str, Any] = json.loads(json.dumps(dict(part)))
    return copied
