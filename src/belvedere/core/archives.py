"""Reading untrusted tar archives and writing reproducible ones."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from belvedere.core.errors import ArtifactError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits

_BLOCK = 1 << 20
_SMALLEST_BOUND = 16 * _BLOCK
_LONGEST_PADDING = 16 * _BLOCK
_GZIP_MAGIC = b"\x1f\x8b"
# tarfile lets ValueError and its kin out of damaged extended headers.
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, OSError, ValueError, ArithmeticError, LookupError)


def read_tar(path: Path, limits: Limits = DEFAULT_LIMITS) -> dict[str, bytes]:
    """Read every regular file of a plain or gzip-compressed tar archive into memory.

    Nothing is written to disk. Members are refused unless they are regular files or folders with a plain
    relative path: no absolute path, no ``..``, no link, no device, no sparse file, no repeated name. Every
    byte that comes out of the decompressor counts against the bound, headers and padding too.

    Args:
        path: The archive: ``.tar``, ``.tar.gz`` or ``.tgz``. The content decides, not the suffix.
        limits: Bounds on members, unpacked bytes and growth.

    Returns:
        Relative POSIX path to content, in the archive's order.

    Raises:
        ArtifactError: missing, not a tar archive, truncated, or with an unsafe member.
        LimitError: more members or bytes than ``limits`` allow.
    """
    return {name: b"".join(pieces) for name, pieces in tar_members(path, limits)}


def tar_members(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Go through the files of a tar archive piece by piece, as careful as ``read_tar`` and in little memory.

    Yields:
        Relative POSIX path and an iterator over the content, to be used up before the next file is asked for. What
        comes before an unsafe or damaged member has been handed out by then.

    Raises:
        ArtifactError: missing, not a tar archive, truncated, or with an unsafe member.
        LimitError: more members or bytes than ``limits`` allow.
    """
    path = Path(path)
    with _readable(path), path.open("rb") as raw:
        most = unpacked_bound(path.stat().st_size, limits)
        compressed = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        raw.seek(0)
        stream = _Bounded(gzip.GzipFile(fileobj=raw) if compressed else raw, most, path)
        # Stream mode ("r|") asks for nothing but read(), so every byte passes the bound, in order.
        with tarfile.open(fileobj=cast("BinaryIO", stream), mode="r|", encoding="utf-8") as archive:
            yield from _members(archive, path, limits.archive_members, stream)
        stream.drain()  # to the gzip trailer, so that its checksum and length are verified


def safe_member_name(name: str, where: Path | str) -> str:
    """Normalise a member name of an archive or manifest to a relative POSIX path.

    Raises:
        ArtifactError: the name is absolute, climbs out with ``..``, or holds a backslash, a control character
            or bytes that are not UTF-8.
    """
    pure = PurePosixPath(name)
    parts = [part for part in pure.parts if part != "."]
    unsafe = not parts or pure.is_absolute() or ".." in parts or ":" in parts[0] or any(map(_forbidden, name))
    if unsafe:
        raise ArtifactError(f"{where}: unsafe path {name!r} in the archive; nothing was unpacked")
    return "/".join(parts)


def tar_gz(files: Mapping[str, bytes | memoryview]) -> bytes:
    """Pack ``files`` with gzip in memory, see ``write_tar``."""
    packed = io.BytesIO()
    write_tar(packed, files, compressed=True)
    return packed.getvalue()


def plain_tar(files: Mapping[str, bytes | memoryview]) -> bytes:
    """Pack ``files`` in memory, see ``write_tar``."""
    packed = io.BytesIO()
    write_tar(packed, files, compressed=False)
    return packed.getvalue()


def write_tar(stream: IO[bytes], files: Mapping[str, bytes | memoryview], *, compressed: bool) -> None:
    """Pack ``files`` (relative POSIX path to content) so that equal content gives equal bytes.

    Names are sorted; times, owners and modes are fixed; the gzip header carries no name or time. Nothing of the
    archive is held in memory.
    """
    if compressed:
        with gzip.GzipFile(filename="", fileobj=stream, mode="wb", compresslevel=6, mtime=0) as packer:
            write_tar(cast("IO[bytes]", packer), files, compressed=False)
        return
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as archive:
        for name in sorted(files):
            info = tarfile.TarInfo(name)
            info.size = len(files[name])
            info.mode = 0o644
            archive.addfile(info, cast("IO[bytes]", _Reader(files[name])))


class _Reader:
    """Reads content that is in memory piece by piece, without a copy of all of it."""

    def __init__(self, content: bytes | memoryview) -> None:
        self._left = memoryview(content)

    def read(self, size: int = -1) -> bytes:
        size = len(self._left) if size < 0 else size
        piece, self._left = self._left[:size], self._left[size:]
        return bytes(piece)


class _Bounded:
    """A byte stream that raises LimitError once more than ``most`` bytes have come out of it."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile, most: int, where: Path) -> None:
        self._stream = stream
        self._left, self._where = most, where
        self._error = f"{where}: unpacks to more than {most} bytes, over the limit for an archive of its size"

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise LimitError(self._error)
        return data

    def announce(self, size: int) -> None:
        """Refuse a member by the size in its header, before any of it is unpacked."""
        if size > self._left:
            raise LimitError(self._error)

    def drain(self) -> None:
        """Read what stands behind the last member, which is no more than padding."""
        left = _LONGEST_PADDING
        while piece := self.read(_BLOCK):
            left -= len(piece)
            if left < 0:
                raise LimitError(f"{self._where}: more than {_LONGEST_PADDING} bytes behind the end of the archive")


def _members(
    archive: tarfile.TarFile, where: Path, most: int, stream: _Bounded
) -> Iterator[tuple[str, Iterator[bytes]]]:
    names: set[str] = set()
    for count, member in enumerate(archive, start=1):
        if count > most:
            raise LimitError(f"{where}: more than {most} files in the archive")
        if member.isdir() and not PurePosixPath(member.name).parts:
            continue  # "./", the folder that was packed
        name = safe_member_name(member.name, where)
        if member.isdir():
            continue
        if not member.isreg() or member.issparse() or member.size < 0:
            raise ArtifactError(f"{where}: member '{name}' is a link or device; only plain files are allowed")
        if name in names:
            raise ArtifactError(f"{where}: member '{name}' is there twice")
        names.add(name)
        stream.announce(member.size)
        yield name, _content(archive, member, where)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, where: Path) -> Iterator[bytes]:
    """The member's bytes, in pieces so that a false size in a header allocates nothing."""
    left = member.size
    with _readable(where):  # here as well: this runs while the caller takes the pieces
        stream = archive.extractfile(member)
        while piece := stream.read(_BLOCK) if stream is not None else b"":
            left -= len(piece)
            yield piece
    if left:
        raise ArtifactError(f"{where}: member '{member.name}' is truncated")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what tarfile, gzip and the file system raise into ArtifactError."""
    try:
        yield
    except (ArtifactError, LimitError):
        raise
    except FileNotFoundError:
        raise ArtifactError(f"{path}: there is no such file") from None
    except (IsADirectoryError, PermissionError) as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror})") from error
    except (
        tarfile.TarError,
        EOFError,
        zlib.error,
        OSError,
        ValueError,
        ArithmeticError,
        LookupError,
    ) as error:
        raise ArtifactError(f"{path}: not a readable tar archive, or truncated ({error})") from error


def unpacked_bound(packed_bytes: int, limits: Limits) -> int:
    """Most bytes that may come out of an archive of that size, its headers included."""
    return min(limits.archive_bytes, max(_SMALLEST_BOUND, int(packed_bytes * limits.archive_ratio)))


def _forbidden(character: str) -> bool:
    code = ord(character)
    return character == "\\" or code < 0x20 or code == 0x7F or 0xD800 <= code <= 0xDFFF
