"""Which part of a dataset pictures belong to, by the word that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from belvedere.data import labels
from belvedere.data.record import Record


def with_parts(records: Iterable[Record], words: Mapping[str, str]) -> tuple[Record, ...]:
    """Records with their parts.

    Validation pictures count as test pictures where nothing is called test, else as training pictures; ``part`` keeps
    what they were called.

    Args:
        records: The pictures.
        words: The word for the part of each picture that has one, by its name.
    """
    has_test = any(map(labels.is_test_word, words.values()))
    found = []
    for record in records:
        word = words.get(record.name, "")
        part = labels.part_of(word)
        found.append(replace(record, split=labels.split_of(word, has_test), part=part if part == "val" else None))
    return tuple(found)


def word_in(folders: Iterable[str]) -> str:
    """The first folder name that says which part what lies in it belongs to; empty where none does."""
    return next((folder for folder in folders if labels.is_split_word(folder)), "")
