"""What kind of PyTorch file a file is, by its content and without torch."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from enum import Enum
from pathlib import Path

from belvedere.core.archives import unpacked_bound
from belvedere.core.errors import CompileError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits

SUFFIXES = frozenset({".pt", ".pth", ".pt2", ".bin", ".ckpt", ".tar", ".torchscript", ".ts"})
"""Ends of names under which PyTorch files go about."""

OWN_SUFFIXES = frozenset({".pt", ".pth", ".pt2"})
"""Those that nothing else uses."""

# Pickle, protocol 2, of torch.serialization.MAGIC_NUMBER 0x1950a86a20f9469cfc6c.
_OLD_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80"


ZIP_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,
)
"""What reading a damaged zip file raises, beside ValueError."""


class Kind(Enum):
    """Kinds of files that ``torch.save`` and its like write."""

    SCRIPT = "TorchScript"
    PROGRAM = "exported program"
    OLD_PROGRAM = "exported program of torch before 2.8"
    COMPILED = "AOTInductor package"
    STATE = "saved tensors"
    PICKLE = "pickle"
    OTHER = "something else"


def kind_of(path: Path) -> Kind:
    """Look at a file; never raises for what it holds. A file that cannot be read is something else."""
    try:
        with path.open("rb") as stream:
            head = stream.read(len(_OLD_MAGIC))
        if head.startswith(_ZIP):
            with zipfile.ZipFile(path) as archive:
                return _kind_of_members(archive.namelist())
    except (*ZIP_DAMAGE, ValueError):
        return Kind.OTHER
    if head == _OLD_MAGIC:
        return Kind.STATE
    return Kind.PICKLE if head.startswith(_PICKLE) else Kind.OTHER


def check_bounds(path: Path, limits: Limits = DEFAULT_LIMITS) -> None:
    """Check the sizes that a zip file declares, before anything of it is unpacked.

    Raises:
        CompileError: the zip file is damaged.
        LimitError: more members or bytes than ``limits`` allow.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (*ZIP_DAMAGE, ValueError) as error:
        raise CompileError(f"{path}: a damaged or truncated PyTorch file ({error})") from error
    # Weights of large networks are many small members.
    if len(infos) > 10 * limits.archive_members:
        raise LimitError(f"{path}: {len(infos)} members in the file; at most {10 * limits.archive_members} are read")
    most = unpacked_bound(path.stat().st_size, limits)
    if sum(info.file_size for info in infos) > most:
        raise LimitError(f"{path}: unpacks to more than {most} bytes, over the limit for a file of its size")


def _kind_of_members(names: list[str]) -> Kind:
    inner = {name.partition("/")[2] for name in names if "/" in name}
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return Kind.SCRIPT
    if any(name.startswith("data/aotinductor/") for name in inner):
        return Kind.COMPILED
    if any(name.startswith("models/") and name.endswith(".json") for name in inner):
        return Kind.PROGRAM
    if "serialized_exported_program.json" in {*inner, *names}:
        return Kind.OLD_PROGRAM
    return Kind.STATE if "data.pkl" in inner else Kind.OTHER
