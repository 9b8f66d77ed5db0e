"""Reading an artifact that lies unpacked in a folder."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from belvedere.core.errors import ArtifactError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits

Content = bytes | memoryview
"""A file's bytes; a large file of a folder is mapped into memory, which costs none until it is read."""

MAPPED_FROM = 64 * 1024**2
"""Size in bytes from which a file is mapped instead of read."""

_Stamp = tuple[int, int, int, int]


@dataclass(frozen=True)
class Origin:
    """Where an artifact's files lie, with what tells whether they are still those that were read.

    Attributes:
        folder: Absolute path.
        stamps: Relative POSIX path to device, inode, size and time of change.
    """

    folder: Path
    stamps: Mapping[str, _Stamp]

    def path(self, name: str) -> Path:
        """The file ``name``. Raises ArtifactError if it was replaced since it was read."""
        path = self.folder / name
        try:
            unchanged = _stamp(path.stat()) == self.stamps[name]
        except (OSError, KeyError):
            unchanged = False
        if not unchanged:
            raise ArtifactError(f"{self.folder}: '{name}' changed since the artifact was loaded: load it again")
        return path


def read_folder(folder: Path, limits: Limits = DEFAULT_LIMITS) -> tuple[dict[str, Content], Origin]:
    """Read every file below ``folder``; links and special files are refused.

    Returns:
        Relative POSIX path to content, and where that was.

    Raises:
        ArtifactError: a file is a link or special, or cannot be read.
        LimitError: more files or bytes than ``limits`` allow.
    """
    files: dict[str, Content] = {}
    stamps: dict[str, _Stamp] = {}
    left = limits.archive_bytes
    try:
        for entry in _walk(folder):
            name = Path(entry.path).relative_to(folder).as_posix()
            if not entry.is_file(follow_symlinks=False):
                raise ArtifactError(f"{folder}: '{name}' is a link or special file; only plain files are allowed")
            left -= entry.stat(follow_symlinks=False).st_size
            if left < 0 or len(files) >= limits.archive_members:
                raise LimitError(f"{folder}: more than {limits.archive_bytes} bytes or {limits.archive_members} files")
            files[name], stamps[name] = _content(Path(entry.path))
    except OSError as error:
        raise ArtifactError(f"{folder}: cannot be read ({error.strerror or error})") from error
    return files, Origin(folder.absolute(), stamps)


def _content(path: Path) -> tuple[Content, _Stamp]:
    with path.open("rb") as stream:
        stamp = _stamp(os.fstat(stream.fileno()))
        if stamp[2] < MAPPED_FROM:
            return stream.read(), stamp
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)), stamp


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below ``folder`` that is not itself a folder, sorted, without following links."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield entry
