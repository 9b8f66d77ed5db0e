"""Compiled networks kept on disk, so that the next process starts faster.

Losing the folder costs time and nothing else: what cannot be read, written or trusted is compiled anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belvedere.core.errors import StorageError
from belvedere.core.files import atomic_write

VARIABLE = "BELVEDERE_CACHE"
"""Environment variable with the cache's folder; ``off`` keeps nothing."""

_MAGIC = b"belvedere-blob-1\n"
_SUM = hashlib.sha256().digest_size
_LEFT_OVER = ".part"
_DAY = 24 * 3600.0


@dataclass(frozen=True)
class BlobCache:
    """A folder of compiled networks, each under the hash of all that it depends on.

    Attributes:
        folder: Made on first use, for this user only. One that others may write to is not used, because engines
            run what is in it.
        most_bytes: Over this, what was not used for longest is removed.
        least_seconds: What took less time to compile is not kept.
    """

    folder: Path
    most_bytes: int = 4 * 1024**3
    least_seconds: float = 0.2

    def get(self, key: str) -> bytes | None:
        """The blob of that key; None where there is none, or only a damaged one, which is removed."""
        path = self.folder / key
        try:
            if not self._is_ours():
                return None
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        start = len(_MAGIC) + _SUM
        blob = data[start:]
        if data[: len(_MAGIC)] != _MAGIC or hashlib.sha256(blob).digest() != data[len(_MAGIC) : start]:
            self.drop(key)
            return None
        return blob

    def put(self, key: str, blob: bytes, seconds: float) -> None:
        """Keep a blob that took ``seconds`` to compile, if that is worth it and possible."""
        if seconds < self.least_seconds or len(blob) > self.most_bytes // 2:
            return
        with contextlib.suppress(OSError, StorageError):
            if self.ready():
                with atomic_write(self.folder / key) as stream:
                    stream.write(_MAGIC + hashlib.sha256(blob).digest())
                    stream.write(blob)
                self.trim(key)

    def drop(self, key: str) -> None:
        """Forget a blob, or the folder of that key."""
        _remove(self.folder / key)

    def subfolder(self, key: str) -> Path | None:
        """A folder in which an engine keeps its own files for that key; None where there can be none."""
        try:
            if not self.ready():
                return None
            path = self.folder / key
            path.mkdir(mode=0o700, exist_ok=True)
            os.utime(path)
            self.trim(key)
        except OSError:
            return None
        return path

    def ready(self) -> bool:
        """Make the folder; whether it can be used. Raises OSError where the system refuses."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._is_ours()

    def trim(self, newest: str) -> None:
        """Remove what was not used for longest, over ``most_bytes``; not ``newest``. Raises OSError."""
        entries = sorted(self._entries(), key=lambda entry: entry[0])
        total = sum(size for _, size, _ in entries)
        for changed, size, path in entries:
            left_over = path.name.endswith(_LEFT_OVER)
            too_much = total > self.most_bytes and path.name != newest and not left_over
            if too_much or (left_over and changed < time.time() - _DAY):
                _remove(path)
                total -= size

    def _is_ours(self) -> bool:
        """Whether nobody else can have put anything there."""
        status = self.folder.stat()
        if not hasattr(os, "getuid"):
            return True
        return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """Time of last use, size and path of everything in the folder."""
        for path in self.folder.iterdir():
            with contextlib.suppress(OSError):
                status = path.stat()
                inside = path.rglob("*") if path.is_dir() else ()
                yield status.st_mtime, status.st_size + sum(file.stat().st_size for file in inside), path


def default_cache(part: str = "compiled") -> BlobCache | None:
    """The cache of this user: below ``BELVEDERE_CACHE``, else in the platform's cache folder; None for ``off``.

    Args:
        part: Name of its folder: ``compiled`` for compiled networks.
    """
    named = os.environ.get(VARIABLE, "")
    if named.lower() in ("off", "0"):
        return None
    try:
        folder = Path(named).expanduser().absolute() if named else _platform_folder() / "belvedere"
    except (OSError, RuntimeError):  # no home folder, or no current folder
        return None
    return BlobCache(folder / part)


def key_of(facts: Mapping[str, Any]) -> str:
    """The key of all that a compiled network depends on; JSON values."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _platform_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if named.startswith("/") else Path.home() / ".cache"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
