"""Temporary files and folders of writers: claimed while in use, recognised and removed once their writer is dead.

A writer holds an advisory lock (``flock``) on what it has not finished; the system drops it when the process ends,
however it ends. What carries the name of a temporary and is not locked was left by a writer that was killed.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_TOKEN_BYTES = 6
_MOST_ENTRIES = 1000


@contextlib.contextmanager
def temporary_beside(path: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """Create ``.<name>.<token>.part``, which is going to replace ``path``, and hold its lock while the block runs.

    Args:
        path: What will be replaced.
        create: Makes the empty file or folder; OSError passes through.
    """
    temporary = _named(path)
    create(temporary)
    with claimed(temporary) as ours:
        if ours:
            yield temporary
            return
    # Either nothing can be locked here, or another writer took the new file for a leftover before it was locked.
    if not os.path.lexists(temporary):
        temporary = _named(path)
        create(temporary)
    with claimed(temporary):
        yield temporary


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Lock an existing file or folder while the block runs.

    Yields:
        Whether ``path`` is there and the lock is held, by nobody else. False also where the system or the file
        system has no such locks.
    """
    descriptor = _locked(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def remove_leftovers(path: Path) -> None:
    """Remove what killed writers of ``path`` left beside it; what a living one works on stays.

    Never raises: what cannot be listed, locked or removed stays. Without locks (Windows, some network file systems)
    everything does. Only the first thousand entries of the folder are looked at, so that writing many files into one
    folder does not become slow.
    """
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{{2 * _TOKEN_BYTES}}}\.part")
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in islice(entries, _MOST_ENTRIES):
            if pattern.fullmatch(entry.name):
                _remove_if_free(path.with_name(entry.name))


def _named(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(_TOKEN_BYTES)}.part")


def _remove_if_free(path: Path) -> None:
    with claimed(path) as free:
        if not free:
            return
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def _locked(path: Path) -> int | None:
    """Descriptor of ``path``, locked for this process alone; None where that cannot be had."""
    if sys.platform == "win32":
        return None
    try:
        # A link or a pipe of that name is none of ours, and must neither be followed nor block.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours, there = os.fstat(descriptor), path.lstat()
        plain = stat.S_ISREG(ours.st_mode) or stat.S_ISDIR(ours.st_mode)
        if plain and (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None
