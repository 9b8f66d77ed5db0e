"""Working ahead: order, bound, errors at their place, clean ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from belvedere.core.errors import EngineError, ImageError, LimitError
from belvedere.runtime.stream import ordered


def test_order_is_kept_whatever_finishes_first() -> None:
    def work(number: int) -> int:
        time.sleep(0.002 * (number % 3 == 0))
        return number * number

    assert list(ordered(work, range(40), workers=4)) == [number * number for number in range(40)]


def test_nothing_begins_before_the_first_result_is_wanted() -> None:
    pulled = []
    stream = ordered(pulled.append, iter([1, 2]), workers=2)
    assert pulled == []
    stream.close()
    assert pulled == []


def test_never_more_in_flight_than_twice_the_workers() -> None:
    gate, pulled = threading.Event(), []

    def source() -> Iterator[int]:
        for number in range(100):
            pulled.append(number)
            if number == 5:  # the sixth pull only comes after a bound of 2 * 3 was allowed
                gate.set()
            yield number

    def work(number: int) -> int:
        assert gate.wait(30)
        return number

    stream = ordered(work, source(), workers=3)
    assert next(stream) == 0
    assert len(pulled) == 6
    for _ in range(10):
        next(stream)
    assert len(pulled) <= 17
    stream.close()


def test_a_ready_result_goes_out_before_the_source_is_asked_again() -> None:
    """A live source that delivers slowly does not hold results back."""
    done = threading.Event()

    def source() -> Iterator[int]:
        yield 0
        assert done.wait(30)
        time.sleep(0.05)  # the worker's thread marks its future as done right after
        yield 1
        pytest.fail("the first result was ready and should have gone out")

    def work(number: int) -> int:
        done.set()
        return number

    stream = ordered(work, source(), workers=4)
    assert next(stream) == 0
    stream.close()


def test_the_source_is_pulled_in_the_thread_that_iterates() -> None:
    threads = set()

    def source() -> Iterator[int]:
        for number in range(20):
            threads.add(threading.get_ident())
            yield number

    list(ordered(lambda number: number, source(), workers=3))
    assert threads == {threading.get_ident()}


def test_errors_of_pictures_come_out_as_values_at_their_place() -> None:
    def work(number: int) -> int:
        if number == 2:
            raise ImageError("broken")
        if number == 4:
            raise LimitError("huge")
        return number

    found = list(ordered(work, range(6), workers=2))
    assert [type(one) for one in found] == [int, int, ImageError, int, LimitError, int]


def test_other_errors_are_raised_at_their_place() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise EngineError("gone")
        return number

    stream, seen = ordered(work, range(9), workers=2), []
    with pytest.raises(EngineError, match="gone"):
        seen.extend(stream)
    assert seen == [0, 1, 2]


def test_an_error_of_the_source_comes_after_the_results_before_it() -> None:
    def source() -> Iterator[int]:
        yield from range(3)
        raise KeyError("source")

    stream, seen = ordered(lambda number: number, source(), workers=4), []
    with pytest.raises(KeyError, match="source"):
        seen.extend(stream)
    assert seen == [0, 1, 2]


def test_closing_stops_the_workers() -> None:
    def ours() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name.startswith("belvedere")]

    begun = []
    stream = ordered(begun.append, range(1000), workers=3)
    next(stream)
    assert ours()
    stream.close()
    assert not ours()
    assert len(begun) < 20


def test_an_empty_source() -> None:
    assert list(ordered(str, [], workers=1)) == []
