"""A bounded set of things that threads borrow one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from belvedere.core.errors import EngineError

_Thing = TypeVar("_Thing")


class Pool(Generic[_Thing]):
    """Lends each of ``things`` to one thread at a time; who finds none free waits.

    Args:
        things: What is lent.
        name: Names the pool in messages.
    """

    def __init__(self, things: Iterable[_Thing], name: str) -> None:
        self._free = list(things)
        self._lent = 0
        self._closed = False
        self._name = name
        self._changed = threading.Condition()

    @contextmanager
    def borrow(self) -> Iterator[_Thing]:
        """Have one thing for the length of the block. Raises EngineError once the pool is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._free)
            if self._closed:
                raise EngineError(f"{self._name} is closed")
            thing = self._free.pop()
            self._lent += 1
        try:
            yield thing
        finally:
            with self._changed:
                self._lent -= 1
                self._free.append(thing)
                self._changed.notify_all()

    def close(self) -> None:
        """Lend nothing from now on, wait until all is back, and let go of it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._lent)
            self._free.clear()
