"""The names of the zoo: data in ``models.toml``, and hub repositories written out as ``hub:OWNER/REPO``."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

from belvedere.core.errors import OptionError
from belvedere.core.hub import is_repository, is_revision

PREFIX = "hub:"


@dataclass(frozen=True)
class Metric:
    """A figure that the makers of a model publish.

    Attributes:
        name: What was measured on what.
        value: In percent.
        source: Where it is published.
    """

    name: str
    value: float
    source: str


@dataclass(frozen=True)
class Entry:
    """One model that has a name.

    Attributes:
        name: How users call it.
        task: What it does, as in a manifest.
        source: ``bundled`` (in the package), ``hub`` (a checkpoint on the Hugging Face hub) or ``gluoncv`` (the user
            has the file with the weights).
        decoder: Name of the convention by which its outputs are read.
        licence: SPDX expression of the weights; empty where only the repository tells.
        input: Width and height in pixels, or words; empty where the repository tells.
        repository: ``owner/name`` on the hub.
        revision: Branch, tag or commit there.
        file: ``bundled``: an artifact in the package's folder ``artifacts``, or ``backbone:NAME``.
        preset: ``gluoncv``: how its own scripts prepare pictures, see `belvedere.zoo.gluoncv.presets`.
        labels: Name of a label set, where the source does not name its classes.
        parameters: How many numbers it has learned, in millions.
        metric: What its makers measured.
    """

    name: str
    task: str
    source: Literal["bundled", "hub", "gluoncv"]
    decoder: str = ""
    licence: str = ""
    input: str = ""
    repository: str = ""
    revision: str = "main"
    file: str = ""
    preset: str = ""
    labels: str = ""
    parameters: float | None = None
    metric: Metric | None = None

    @property
    def origin(self) -> str:
        """Where it comes from, in one text: ``bundled``, ``hub OWNER/REPO@REVISION`` or ``gluoncv``."""
        return f"hub {self.repository}@{self.revision}" if self.source == "hub" else self.source

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of its input in pixels, where the catalogue states them."""
        width, _, height = self.input.partition("x")
        return (int(width), int(height)) if width.isdecimal() and height.isdecimal() else None


@lru_cache(maxsize=1)
def entries() -> Mapping[str, Entry]:
    """Every model of the package's catalogue, by name."""
    text = files("belvedere.zoo").joinpath("models.toml").read_text(encoding="utf-8")
    return MappingProxyType(read_entries(text))


def read_entries(text: str) -> dict[str, Entry]:
    """Read a catalogue: a table ``family`` of what its ``models`` have in common.

    Raises:
        OptionError: a field is unknown, or a name stands twice.
    """
    found: dict[str, Entry] = {}
    for family in tomllib.loads(text)["family"]:
        for model in family["models"]:
            entry = _entry({**{key: value for key, value in family.items() if key != "models"}, **model})
            if entry.name in found:
                raise OptionError(f"zoo: {entry.name} is named twice")
            found[entry.name] = entry
    return found


def is_name(word: str | os.PathLike[str]) -> bool:
    """Whether a word means a model of the zoo: a name of the catalogue, or ``hub:OWNER/REPO``, with ``@REVISION``.

    A name wins over a file that is called the same; ``./name`` is the file.
    """
    if not isinstance(word, str):
        return False
    return word.startswith(PREFIX) or word.partition("@")[0] in entries()


def find(name: str) -> Entry:
    """The entry of a name; ``@REVISION`` behind it is a branch, tag or commit of its repository.

    Raises:
        OptionError: there is no such name; the message lists near ones.
    """
    plain, at, revision = name.partition("@")
    if at and not is_revision(revision):
        raise OptionError(f"model {name!r}: expected a branch, tag or commit after '@'")
    if plain.startswith(PREFIX):
        repository = plain.removeprefix(PREFIX)
        if not is_repository(repository):
            raise OptionError(f"model {name!r}: expected {PREFIX}OWNER/REPO or {PREFIX}OWNER/REPO@REVISION")
        return Entry(name, "", "hub", repository=repository, revision=revision or "main")
    entry = entries().get(plain)
    if entry is None:
        raise OptionError(f"unknown model {name!r}: {suggestion(plain)}")
    if at and entry.source != "hub":
        raise OptionError(f"model {name!r}: {plain} does not come from the hub, so it has no revisions")
    # Another revision may have another licence and another figure, but is the same kind of network.
    return replace(entry, name=name, revision=revision) if at else entry


def suggestion(name: str) -> str:
    """What a user may have meant: near names, and where all of them are listed."""
    near = difflib.get_close_matches(name.lower(), list(entries()), n=5, cutoff=0.5)
    start = f"did you mean {', '.join(near)}? " if near else ""
    return f"{start}`belvedere models list` shows the names of the zoo; {PREFIX}OWNER/REPO names a repository"


def _entry(fields: dict[str, Any]) -> Entry:
    metric, value, source = (fields.pop(key, None) for key in ("metric", "value", "metric_source"))
    unknown = fields.keys() - Entry.__dataclass_fields__.keys()
    if unknown:
        raise OptionError(f"zoo: {fields.get('name')} has unknown fields {', '.join(sorted(unknown))}")
    measured = Metric(metric, float(value), source) if metric and value is not None and source else None
    return Entry(**fields, metric=measured)
