"""Writing files so that a crash leaves the old content or the new, never half of one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from belvedere.core.errors import StorageError
from belvedere.core.exchange import exchange
from belvedere.core.leftovers import remove_leftovers, temporary_beside


def sha256_of(data: bytes | memoryview) -> str:
    """Lower-case hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """The same of a file's content, without holding it in memory. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` that replaces it when the block ends without an error.

    The data is flushed to disk before the rename and the folder after it. On any error the temporary file is
    removed and ``path`` keeps its old content. What earlier writers left behind when they were killed is removed first.

    Raises:
        StorageError: the file system refused (full disk, no permission, no such folder).
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        with temporary_beside(path, _create_empty) as temporary:
            with temporary.open("wb") as stream:
                yield stream
                _flush(stream)
            if path.exists():
                temporary.chmod(path.stat().st_mode & 0o777)
            temporary.replace(path)
        temporary = None
        _sync_folder(path.parent)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"{path} could not be written ({error.strerror or error}); what was there before is unchanged"
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` atomically. Raises StorageError."""
    with atomic_write(path) as stream:
        stream.write(data)


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` (UTF-8) atomically. Raises StorageError."""
    write_bytes(path, text.encode())


def write_folder(path: Path, files: Mapping[str, bytes | memoryview]) -> None:
    """Replace the folder ``path`` by one that holds exactly ``files`` (relative POSIX path to content).

    The new folder is built beside the old one and swapped in by one atomic exchange where the system has it
    (Linux, most file systems). Elsewhere two renames do it, and a crash between them leaves the old content
    under ``.<name>.old``: ``folder_or_backup`` finds it. There is never a mixture. What earlier writers left behind
    when they were killed is removed first.

    Raises:
        StorageError: the file system refused, or ``path`` is a file; what was there is still there.
    """
    path = Path(path)
    staging: Path | None = None
    try:
        if path.exists() and not path.is_dir():
            raise StorageError(f"{path} is a file, not a folder: remove it or choose another name")
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        with temporary_beside(path, Path.mkdir) as staging:
            _fill(staging, files)
            _swap(staging, path)
            _sync_folder(path.parent)
        shutil.rmtree(_backup(path), ignore_errors=True)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"{path} could not be written ({error.strerror or error}); what was there before is unchanged"
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def folder_or_backup(path: Path) -> Path:
    """``path``, or the old content that a crash inside ``write_folder`` left beside it."""
    path = Path(path)
    backup = _backup(path)
    return backup if not path.exists() and backup.is_dir() else path


def _fill(folder: Path, files: Mapping[str, bytes | memoryview]) -> None:
    """Put ``files`` into the new ``folder``, all of it flushed to disk."""
    folders = {folder}
    for name, data in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        folders.add(file.parent)
        with _create(file) as stream:
            stream.write(data)
            _flush(stream)
    for created in folders:
        _sync_folder(created)


def _swap(staging: Path, path: Path) -> None:
    """Give ``path`` the content of ``staging``; what was there ends up in ``staging`` or in the backup."""
    if not path.exists():
        staging.rename(path)
    elif not exchange(staging, path):
        backup = _backup(path)
        shutil.rmtree(backup, ignore_errors=True)
        path.rename(backup)
        try:
            staging.rename(path)
        except OSError:
            backup.rename(path)
            raise


def _backup(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def _create_empty(path: Path) -> None:
    _create(path).close()


def _create(path: Path) -> BinaryIO:
    """Open a new file with the mode that the process's umask gives (``tempfile`` would give 0600)."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), "wb")


def _flush(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, where the file system knows how."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
