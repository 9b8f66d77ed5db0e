"""Fixtures that every room's tests may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes tells of the machine and its other work, not of the code.
settings.register_profile("belvedere", deadline=None)
settings.load_profile("belvedere")


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder with real pictures and models; the test is skipped where it is missing."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("BELVEDERE_SHARED", default))
    if not (folder / "data").is_dir():
        reason = f"no shared data at {folder}: set BELVEDERE_SHARED to the folder that has data/ and models/"
        if os.environ.get("BELVEDERE_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(autouse=True)
def no_cache_of_compiled_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here keeps compiled networks in the user's cache, or reads them from there."""
    monkeypatch.setenv("BELVEDERE_CACHE", "off")
