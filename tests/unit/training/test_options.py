"""What a user may choose."""

from __future__ import annotations

from typing import Any

import pytest

from belvedere.core.errors import OptionError
from belvedere.training.anomaly import TrainOptions


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"size": 63}, "size 63: expected 64 to 2048"),
        ({"size": 2049}, "expected 64 to 2048"),
        ({"size": "big"}, "size 'big': expected a number of pixels or 'auto'"),
        ({"false_alarms": 0.0}, "false-alarm rate 0.0"),
        ({"false_alarms": 1.0}, "above 0 and below 1"),
        ({"false_alarms": float("nan")}, "false-alarm rate nan"),
        ({"seed": -1}, "seed -1"),
        ({"name": "  "}, "name is empty"),
    ],
)
def test_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        TrainOptions(**changed)


@pytest.mark.parametrize("changed", [{}, {"size": 64}, {"size": 2048}, {"false_alarms": 1e-9}, {"seed": 2**40}])
def test_accepted(changed: dict[str, Any]) -> None:
    options = TrainOptions(**changed)
    assert all(getattr(options, name) == value for name, value in changed.items())
