"""Which pictures a report shows: the worst mistakes first, then close calls, then clear cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, zip_longest

from belvedere.evaluation.report import Group, PictureRow


def choose(rows: Sequence[PictureRow], threshold: float, size: int) -> list[tuple[int, Group]]:
    """Pick at most ``size`` pictures and say why each is shown.

    Missed anomalies come first, the lowest score leading; then false alarms, the highest leading. While right
    verdicts exist they get a third of the room: half of it the closest to the threshold, half the clearest,
    anomalous and normal in turn.

    Args:
        rows: Verdicts.
        threshold: Score from which a picture counts as anomalous.
        size: Room in the gallery.

    Returns:
        Pairs of the index into ``rows`` and the group, in the order to show them.
    """
    missed = _sorted(rows, lambda row: row.score, lambda row: not row.is_right and row.label == "anomaly")
    alarms = _sorted(rows, lambda row: -row.score, lambda row: not row.is_right and row.label == "normal")
    right = _sorted(rows, lambda row: abs(row.score - threshold), lambda row: row.is_right)

    room = size - min(len(right), size // 3)
    missed = missed[: max(room - room // 2, room - len(alarms))]
    alarms = alarms[: room - len(missed)]
    left = size - len(missed) - len(alarms)
    close = right[: (left + 1) // 2]
    clear = _alternating(rows, right[len(close) :])[: left - len(close)]

    groups: tuple[tuple[Group, list[int]], ...] = (
        ("missed", missed),
        ("false alarm", alarms),
        ("close call", close),
        ("clear", clear),
    )
    return [(index, group) for group, indices in groups for index in indices]


def _sorted(
    rows: Sequence[PictureRow], key: Callable[[PictureRow], float], keep: Callable[[PictureRow], bool]
) -> list[int]:
    """Indices of the rows to keep; equal keys are ordered by name, so that the choice is reproducible."""
    kept = [index for index, row in enumerate(rows) if keep(row)]
    return sorted(kept, key=lambda index: (key(rows[index]), rows[index].name))


def _alternating(rows: Sequence[PictureRow], indices: Sequence[int]) -> list[int]:
    """Clearest first, anomalous and normal in turn; ``indices`` are sorted from close to clear."""
    clearest = list(reversed(indices))
    anomalous = [index for index in clearest if rows[index].label == "anomaly"]
    normal = [index for index in clearest if rows[index].label == "normal"]
    return [index for index in chain(*zip_longest(anomalous, normal)) if index is not None]
