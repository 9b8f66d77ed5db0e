"""One pass of a model over labelled pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import BelvedereError, DatasetError, EngineError, ImageError, LimitError
from belvedere.core.files import sha256_of
from belvedere.data.dataset import Problem
from belvedere.data.record import Record
from belvedere.data.sizes import size_problem
from belvedere.evaluation.options import Progress
from belvedere.evaluation.subject import Seen, Subject


@dataclass
class Look:
    """One pass over labelled pictures; it fills while `pictures` is iterated.

    Attributes:
        subject: The model.
        records: The pictures.
        progress: Called after each.
        boxes: The boxes that the model is shown of each picture, where it wants some.
        problems: What could not be used.
        kept: The pictures that could.
        seconds: Time that the model took for each of them.
        hashes: SHA-256 of each of them.
    """

    subject: Subject
    records: Sequence[Record]
    progress: Progress | None = None
    boxes: Callable[[Record], NDArray[np.float64]] | None = None
    problems: list[Problem] = field(default_factory=list)
    kept: list[Record] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    _first: BelvedereError | None = None

    def pictures(self) -> Iterator[tuple[Record, Seen]]:
        """The pictures with what the model says; one that cannot be used is named among the problems and left out.

        What the caller refuses with `reject` was not kept either.

        Raises:
            DatasetError: no picture was left; the first problem is named.
            EngineError: the same, and the first problem is the model's.
        """
        for done, record in enumerate(self.records, start=1):
            try:
                data = record.read()
                seen = self.subject.see(data, None if self.boxes is None else self.boxes(record))
            except (ImageError, LimitError, EngineError) as error:
                self.reject(record, error)
            else:
                size = size_problem(record, (seen.own.width, seen.own.height))
                if size is None:
                    self.kept.append(record)
                    self.seconds.append(seen.seconds)
                    self.hashes.append(sha256_of(data))
                    yield record, seen
                else:
                    self.reject(record, DatasetError(f"left out: {size.reason}"))
            if self.progress is not None:
                self.progress("judge pictures", done, len(self.records))
        if not self.kept:
            first = f"none of the {len(self.records)} labelled pictures could be judged; the first: {self.problems[0]}"
            raise EngineError(first) if isinstance(self._first, EngineError) else DatasetError(first)

    def again(self, record: Record) -> Seen:
        """Look at a picture that was kept once more."""
        return self.subject.see(record.read(), None if self.boxes is None else self.boxes(record))

    def reject(self, record: Record, error: BelvedereError) -> None:
        """Name a picture that could not be judged."""
        if self._first is None:
            self._first = error
        self.problems.append(Problem(record.name, str(error).removeprefix(f"{record.name}: ")))
        if self.kept and self.kept[-1] is record:
            for entries in (self.kept, self.seconds, self.hashes):
                entries.pop()
