"""Keras in the process of the tests, for what needs no process of its own."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from belvedere.runtime.engine_imports import import_openvino


@pytest.fixture
def keras_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The package keras on the backend that the base install has; it reads the choice when it is first imported."""
    import_openvino()
    monkeypatch.setenv("KERAS_BACKEND", "openvino")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    import keras

    return keras
