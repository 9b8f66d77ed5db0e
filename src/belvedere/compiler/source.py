"""Opening what the user names as a model: a file, a folder, or an archive as Neo and Panorama took them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from belvedere.compiler.importing import Source
from belvedere.core.errors import ArtifactError, CompileError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.core.unpacking import unpack

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_TAR_AT = 257
_TAR = b"ustar"
_NO_MODEL_FOLDERS = frozenset({"code", "__MACOSX", "__pycache__"})


@contextmanager
def open_source(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> Iterator[Source]:
    """Open a model for the importers; an archive is unpacked into a temporary folder that lives as long as the block.

    Hidden files and the folders ``code`` (inference scripts of hosted models), ``__MACOSX`` and ``__pycache__`` are
    left out, at any depth. Model files that are zip files themselves (``.pt``, ``.keras``) are files, not archives.

    Args:
        path: A file, a folder, or a ``.tar``, ``.tar.gz``, ``.tgz`` or ``.zip`` archive.
        limits: Bounds on archives, and on the files of a folder.

    Raises:
        CompileError: there is no such file, it cannot be read, the archive is damaged or unsafe, or nothing is in it.
        LimitError: more files or bytes than ``limits`` allow.
        StorageError: the archive could not be unpacked: full disk.
    """
    path = Path(path)
    if path.is_dir():
        yield _of_folder(path, path, limits)
    elif not path.exists():
        raise CompileError(f"{path}: there is no such file or folder; name a model file, a folder or an archive")
    elif not path.is_file():
        raise CompileError(f"{path}: neither a file nor a folder")
    elif not is_archive(path):
        yield Source(path=path, root=path.parent, files=(Path(path.name),))
    else:
        with tempfile.TemporaryDirectory(prefix="belvedere-model-") as temporary:
            root = Path(temporary)
            try:
                unpack(path, root, limits)
            except ArtifactError as error:
                raise CompileError(f"unable to untar input model: {error}") from error
            yield _of_folder(path, root, limits)


def is_archive(path: Path) -> bool:
    """Whether a file holds other files, by content; zip files only where they are named ``.zip``.

    A ``.tar`` that is no archive, such as a checkpoint called ``model.pth.tar``, is not one.

    Raises:
        CompileError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_TAR_AT + len(_TAR))
    except OSError as error:
        raise CompileError(f"{path}: cannot be read ({error.strerror})") from error
    name = path.name.lower()
    if head.startswith(_GZIP) or head[_TAR_AT:] == _TAR or name.endswith((".tar.gz", ".tgz", ".zip")):
        return True
    return name.endswith(".tar") and not name.endswith((".pt.tar", ".pth.tar")) and not head.startswith(_ZIP)


def _of_folder(path: Path, root: Path, limits: Limits) -> Source:
    files = tuple(sorted(_files(path, root, limits.archive_members)))
    if not files:
        raise CompileError(
            f"{path}: no model in it, it is empty but for hidden files and the folders that are left out "
            f"({', '.join(sorted(_NO_MODEL_FOLDERS))})"
        )
    return Source(path=path, root=root, files=files)


def _files(path: Path, root: Path, most: int) -> Iterator[Path]:
    seen = 0
    for folder, folders, names in os.walk(root, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _NO_MODEL_FOLDERS]
        seen += len(folders) + len(names)
        if seen > most:
            raise LimitError(f"{path}: more than {most} files in the folder; name the folder of one model")
        for name in names:
            file = Path(folder, name)
            # Neither pipes nor devices: to open them is to wait.
            if not name.startswith(".") and file.is_file():
                yield file.relative_to(root)


def _raise(error: OSError) -> None:
    raise CompileError(f"{error.filename}: cannot be read ({error.strerror})") from error
