"""Keeping Pillow's warnings from surfacing while a picture is decoded, in any number of threads."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

_MODULE = r"PIL\."
_lock = threading.Lock()
_inside = 0
_entry: tuple[object, ...] | None = None


@contextlib.contextmanager
def pillow_quiet() -> Iterator[None]:
    """Ignore the warnings that Pillow's modules raise inside the block.

    ``warnings.catch_warnings`` saves and restores the whole list of filters, which goes wrong when threads
    enter and leave in turns. Here one entry is put in front of the list by the first thread that enters and
    taken out by the last that leaves; no other entry is touched.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _entry
    with _lock:
        _inside += 1
        # Somebody else's catch_warnings may have replaced the list in the meantime: look, do not assume.
        if _entry is None or _entry not in warnings.filters:
            warnings.filterwarnings("ignore", module=_MODULE)
            _entry = warnings.filters[0]


def _leave() -> None:
    global _inside, _entry
    with _lock:
        _inside -= 1
        if not _inside and _entry is not None:
            with contextlib.suppress(ValueError):
                warnings.filters.remove(_entry)  # type: ignore[attr-defined]
            _entry = None
