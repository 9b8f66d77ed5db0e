"""Reading files of a dataset within bounds."""

from __future__ import annotations

import stat
from pathlib import Path

from belvedere.core.errors import BelvedereError, DatasetError, LimitError


def read_file(
    path: Path, most: int, name: str, error: type[BelvedereError] = DatasetError, prefix: int | None = None
) -> bytes:
    """Read a regular file whole, or its first ``prefix`` bytes.

    Args:
        path: The file. Pipes, devices and folders are refused, so that opening one cannot block.
        most: Largest size in bytes.
        name: What messages call the file.
        error: Class of the exception for a file that cannot be read.
        prefix: Read no more than this many bytes.

    Raises:
        BelvedereError: of class ``error``, if the file is missing, no regular file, or cannot be read.
        LimitError: the file is larger than ``most``.
    """
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise error(f"{name}: not a regular file")
        if state.st_size > most:
            raise LimitError(f"{name}: {state.st_size} bytes, over the limit of {most}")
        with path.open("rb") as stream:
            data = stream.read(most + 1 if prefix is None else prefix)
    except (OSError, ValueError) as problem:
        if isinstance(problem, BelvedereError):
            raise
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise error(f"{name}: cannot be read ({reason})") from problem
    if len(data) > most:  # the file grew after its size was taken
        raise LimitError(f"{name}: over the limit of {most} bytes")
    return data


def is_file(path: Path) -> bool:
    """Whether ``path`` leads to a regular file; False also for names that no file can have."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def is_inside(path: Path, folder: Path) -> bool:
    """Whether ``path``, with every link followed, lies below ``folder``."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
        return False
