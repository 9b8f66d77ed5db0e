"""The stand-ins, importable as their programs import them, and gone again afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from belvedere.cli.shims import shims_folder


@pytest.fixture(scope="session")
def dlr() -> Iterator[ModuleType]:
    """The stand-in for the package ``dlr``."""
    folder = str(shims_folder())
    sys.path.insert(0, folder)
    try:
        import dlr
        import dlr.counter.phone_home

        yield dlr
    finally:
        sys.path.remove(folder)
        for name in [name for name in sys.modules if name.split(".")[0] == "dlr"]:
            del sys.modules[name]
