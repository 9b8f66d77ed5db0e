"""Which pictures a model was trained on, as a report beside it: so that a test on the same ones can be told."""

from __future__ import annotations

import json
from collections.abc import Iterable

SEEN_REPORT = "pictures.json"
"""Name of the report inside an artifact's ``reports/``."""

_KEY, _LETTERS = "sha256_starts", 16


def seen_report(hashes: Iterable[str]) -> bytes:
    """The report on the pictures of these SHA-256: a JSON object with the first 16 letters of each, sorted."""
    starts = sorted({content[:_LETTERS] for content in hashes})
    return json.dumps({_KEY: starts}, indent=0).encode() + b"\n"


def count_seen(report: bytes | memoryview, hashes: Iterable[str]) -> int | None:
    """How many of these SHA-256 a report names; None for a report of another form."""
    try:
        document = json.loads(bytes(report))
    except (ValueError, RecursionError):
        return None
    starts = document.get(_KEY) if isinstance(document, dict) else None
    if not isinstance(starts, list):
        return None
    known = {start for start in starts if isinstance(start, str)}
    return sum(content[:_LETTERS] in known for content in hashes)
