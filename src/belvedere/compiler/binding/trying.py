"""Trying a binding before there is an artifact: does the decoder read outputs of these shapes?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importing import Port
from belvedere.core.errors import CompileError, EngineError
from belvedere.runtime.dispatch import decode_of
from belvedere.runtime.manifest import checked_manifest

_LARGEST = 64 * 1024**2
_FILE = {"name": "net", "network": {"file": "network"}, "files": {"network": {"sha256": "0" * 64, "bytes": 0}}}


def check_shapes(parts: dict[str, Any], outputs: Sequence[Port], family: str) -> None:
    """Let the decoder read outputs that are all zero.

    Where a shape is not known, or a call takes several pictures, nothing is tried.

    Args:
        parts: ``Bound.parts``.
        outputs: The network's outputs.
        family: Name of the family that it is bound as, for messages.

    Raises:
        CompileError: the decoder does not read outputs of these shapes; the message names the output and what was
            expected.
    """
    shapes = [(1 if port.shape[:1] == (-1,) else None, port) for port in outputs]
    sizes = [tuple(port.shape) if first is None else (first, *port.shape[1:]) for first, port in shapes]
    if parts["batch"] > 1 or any(min(size, default=1) < 0 or math.prod(size) > _LARGEST for size in sizes):
        return
    named: dict[str, NDArray[Any]] = {
        port.name: np.zeros(size, dtype=port.dtype) for port, size in zip(outputs, sizes, strict=True)
    }
    manifest = checked_manifest({**_FILE, **parts}, "manifest")
    resize = parts["inputs"][0]["resize"]
    image = np.zeros((resize["height"], resize["width"], 3), dtype=np.uint8)
    try:
        # Sigmoids of nothing are a half: with the highest threshold little is left to look at.
        decode_of(manifest, threshold=1.0)(named, image, None)
    except EngineError as error:
        raise CompileError(
            f"decoder {family!r} does not read what the network gives: {error}; name another with --decoder"
        ) from None
