"""Reading an artifact that lies unpacked in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from belvedere.core.errors import ArtifactError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits


def read_folder(folder: Path, limits: Limits = DEFAULT_LIMITS) -> dict[str, bytes]:
    """Read every file below ``folder``; links and special files are refused.

    Returns:
        Relative POSIX path to content.

    Raises:
        ArtifactError: a file is a link or special, or cannot be read.
        LimitError: more files or bytes than ``limits`` allow.
    """
    files: dict[str, bytes] = {}
    left = limits.archive_bytes
    try:
        for entry in _walk(folder):
            name = Path(entry.path).relative_to(folder).as_posix()
            if not entry.is_file(follow_symlinks=False):
                raise ArtifactError(f"{folder}: '{name}' is a link or special file; only plain files are allowed")
            left -= entry.stat(follow_symlinks=False).st_size
            if left < 0 or len(files) >= limits.archive_members:
                raise LimitError(f"{folder}: more than {limits.archive_bytes} bytes or {limits.archive_members} files")
            files[name] = Path(entry.path).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{folder}: cannot be read ({error.strerror or error})") from error
    return files


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below ``folder`` that is not itself a folder, sorted, without following links."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield entry
