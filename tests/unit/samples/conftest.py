"""One product, drawn upon by all tests of this room."""

from __future__ import annotations

import pytest

from belvedere.samples import Board

SIZE = (160, 120)


@pytest.fixture(scope="session")
def board() -> Board:
    return Board()
