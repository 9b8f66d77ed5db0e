"""Artifacts in the user's cache: an entry is there as a whole or not at all, for any number of processes."""

from __future__ import annotations

import os
from contextlib import suppress

from belvedere.core.errors import BelvedereError, StorageError
from belvedere.runtime.artifact import Artifact
from belvedere.runtime.blob_cache import BlobCache


def held_artifact(cache: BlobCache, key: str) -> Artifact | None:
    """The artifact of that key; None where there is none or only a damaged one, which is removed."""
    path = cache.folder / key
    try:
        if not path.is_dir() or not cache.ready():
            return None
        artifact = Artifact.load(path)
        os.utime(path)
    except BelvedereError:
        cache.drop(key)
        return None
    except OSError:
        return None
    return artifact


def keep_artifact(cache: BlobCache, key: str, artifact: Artifact) -> None:
    """Put an artifact into the cache if that is possible; what another process has put there meanwhile stays."""
    with suppress(OSError, StorageError):
        if cache.ready() and held_artifact(cache, key) is None:
            artifact.save(cache.folder / key)
            cache.trim(key)
