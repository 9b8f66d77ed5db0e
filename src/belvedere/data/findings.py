"""Gathering what a reader could not use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from belvedere.core.errors import DatasetError
from belvedere.data.dataset import Problem

_MOST = 3
"""Places shown of each reason, and reasons shown."""


@dataclass
class Findings:
    """Problems in the order in which they were met.

    Attributes:
        strict: Raise at the first one instead.
        problems: What was met so far.
    """

    strict: bool = False
    problems: list[Problem] = field(default_factory=list)

    def add(self, where: str, reason: str) -> None:
        """Note a problem.

        Raises:
            DatasetError: in strict reading.
        """
        problem = Problem(where, reason)
        if self.strict:
            raise DatasetError(str(problem))
        self.problems.append(problem)

    def add_error(self, name: str, error: Exception, outcome: str) -> None:
        """Note what an error about the file ``name`` says, which may begin with ``name`` or ``name:line``.

        Raises:
            DatasetError: in strict reading.
        """
        match = re.match(rf"({re.escape(name)}(?::\d+)?): ", str(error))
        where = match[1] if match else name
        self.add(where, f"{str(error)[match.end() if match else 0 :]}; {outcome}")


def first_of(problems: Sequence[Problem], name: str) -> str:
    """The first problems of the file ``name``, and how many there are besides; empty where there are none.

    It goes behind a message: ``: line 1: 's3://bucket/a.jpg', line 2: ... and 60 more: no file of that name ...``. What
    is the same about several is said once.
    """
    alike: dict[str, list[str]] = {}
    for problem in problems:
        quoted = re.match(r"'[^']*'(?=: )", problem.reason)
        subject = quoted[0] if quoted else ""
        reason = problem.reason[len(subject) :].removeprefix(": ")
        place = _place(problem.where, name)
        alike.setdefault(reason, []).append(f"{place}: {subject}" if subject else place)
    shown = list(alike.items())[:_MOST]
    told = [f"{', '.join(places[:_MOST])}{_and_more(len(places) - _MOST)}: {reason}" for reason, places in shown]
    rest = len(problems) - sum(len(places) for _, places in shown)
    return f": {'; '.join(told)}{_and_more(rest)}" if told else ""


def _place(where: str, name: str) -> str:
    """``file:line`` without the file, which the message has named already."""
    inside = where.removeprefix(name).removeprefix(":").strip(", ")
    return f"line {inside}" if inside.isdecimal() else inside


def _and_more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""
