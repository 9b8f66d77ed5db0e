"""Unpacking untrusted tar and zip archives into a folder, in little memory."""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from belvedere.core.archives import safe_member_name, tar_members, unpacked_bound
from belvedere.core.errors import ArtifactError, LimitError, StorageError
from belvedere.core.limits import DEFAULT_LIMITS, Limits

_BLOCK = 1 << 20
_ENCRYPTED = 0x1
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


def unpack(path: Path, folder: Path, limits: Limits = DEFAULT_LIMITS) -> tuple[Path, ...]:
    """Unpack a tar (plain or gzip) or zip archive; the content decides which it is.

    Members are refused unless they are regular files or folders with a plain relative path: no absolute path, no
    ``..``, no link, no device, no repeated name, nothing encrypted. Every byte that is written counts against the
    bound, whatever the headers say.

    Args:
        path: The archive.
        folder: An empty folder; after an error it holds what was unpacked before.
        limits: Bounds on members, unpacked bytes and growth.

    Returns:
        The files, relative to ``folder``, in the archive's order.

    Raises:
        ArtifactError: missing, not an archive, truncated, or with an unsafe member.
        LimitError: more members or bytes than ``limits`` allow.
        StorageError: the folder could not be written.
    """
    path = Path(path)
    members = zip_members(path, limits) if _starts_like_zip(path) else tar_members(path, limits)
    return tuple(_write(folder, name, pieces, path) for name, pieces in members)


def zip_members(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Go through the files of a zip archive piece by piece; what ``tar_members`` is for tar archives.

    Yields:
        Relative POSIX path and an iterator over the content.

    Raises:
        ArtifactError: missing, not a zip archive, truncated, encrypted, or with an unsafe member.
        LimitError: more members or bytes than ``limits`` allow.
    """
    path = Path(path)
    with _readable(path), zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        if len(infos) > limits.archive_members:
            raise LimitError(f"{path}: more than {limits.archive_members} files in the archive")
        most = unpacked_bound(path.stat().st_size, limits)
        if sum(info.file_size for info in infos) > most:
            raise _too_large(path, most)
        counter = _Counter(path, most)
        for name, info in _plain_files(infos, path):
            yield name, counter.pieces(archive, info)


class _Counter:
    """Reads members and counts what comes out of all of them together."""

    def __init__(self, where: Path, most: int) -> None:
        self._where, self._most, self._left = where, most, most

    def pieces(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
        with _readable(self._where), archive.open(info) as stream:
            while piece := stream.read(_BLOCK):
                self._left -= len(piece)
                if self._left < 0:
                    raise _too_large(self._where, self._most)
                yield piece


def _plain_files(infos: Iterable[zipfile.ZipInfo], where: Path) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    names: set[str] = set()
    for info in infos:
        name = safe_member_name(info.orig_filename, where)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if info.is_dir() and kind in (0, stat.S_IFDIR):
            continue
        if kind not in (0, stat.S_IFREG):
            raise ArtifactError(f"{where}: member '{name}' is a link or device; only plain files are allowed")
        if info.flag_bits & _ENCRYPTED:
            raise ArtifactError(f"{where}: member '{name}' is encrypted; pack the archive without a password")
        if name in names:
            raise ArtifactError(f"{where}: member '{name}' is there twice")
        names.add(name)
        yield name, info


def _write(folder: Path, name: str, pieces: Iterator[bytes], archive: Path) -> Path:
    target = folder / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as stream:
            for piece in pieces:
                stream.write(piece)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ArtifactError(f"{archive}: '{name}' is a file and a folder at once") from error
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"{archive}: '{name}' could not be unpacked ({error.strerror or error})") from error
    return Path(name)


def _starts_like_zip(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False  # the tar reader says what is wrong with the file


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what zipfile and the file system raise into ArtifactError."""
    try:
        yield
    except (ArtifactError, LimitError):
        raise
    except _DAMAGE as error:
        raise ArtifactError(f"{path}: not a readable zip archive, or truncated ({error})") from error


def _too_large(path: Path, most: int) -> LimitError:
    return LimitError(f"{path}: unpacks to more than {most} bytes, over the limit for an archive of its size")
