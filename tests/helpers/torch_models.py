"""Importing PyTorch files in tests."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from belvedere.compiler.declared import declared_inputs
from belvedere.compiler.importers import pytorch as importer
from belvedere.compiler.importers.pytorch.convert import convert
from belvedere.compiler.importers.pytorch.importer import find_file
from belvedere.compiler.importing import Imported, Request
from belvedere.compiler.source import open_source

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed: the [torch] extra")


def imported(path: Path, inputs: Any = None, arch: str | None = None, **options: str) -> Imported:
    """Import a file of the disk in this process, which is faster than in one of its own; see ``test_isolated``."""
    with open_source(path) as source:
        assert importer.probe(source) > 0
        request = Request(inputs=declared_inputs(inputs), arch=arch, options=options)
        return convert(*find_file(source), request, str(source.path))
