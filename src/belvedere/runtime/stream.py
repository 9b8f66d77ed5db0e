"""Working ahead on an iterable, in order and with a bound."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from belvedere.core.errors import ImageError, LimitError

ItemError = ImageError | LimitError
"""What a picture that cannot be used raises."""

_Item = TypeVar("_Item")
_Done = TypeVar("_Done")


def ordered(
    work: Callable[[_Item], _Done], items: Iterable[_Item], *, workers: int
) -> Generator[_Done | ItemError, None, None]:
    """Apply ``work`` to items in a thread pool and yield the results in the order of the items.

    At most ``2 * workers`` items are in flight. Items are pulled in the thread that iterates, one at a time;
    a result that is ready goes out before the next item is pulled, so a live source sees no added delay.
    Closing the iterator drops what has not begun and waits for what has.

    Args:
        work: Called in worker threads.
        items: Pulled lazily. What it raises comes out after the results of the items before.
        workers: Threads.

    Yields:
        What ``work`` returned, or the ImageError or LimitError that it raised for that item; other exceptions
        are raised.
    """
    pending: deque[Future[_Done]] = deque()
    source = iter(items)
    failure: Exception | None = None
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="belvedere")
    try:
        while True:
            try:
                item = next(source)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001  the caller's own code; raised again at its place below
                failure = error
                break
            pending.append(pool.submit(work, item))
            while pending and (pending[0].done() or len(pending) >= 2 * workers):
                yield _outcome(pending.popleft())
        while pending:
            yield _outcome(pending.popleft())
        if failure is not None:
            raise failure
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: Future[Any]) -> Any:
    """The result, or the error of that one picture as a value."""
    try:
        return future.result()
    except (ImageError, LimitError) as error:
        return error
