"""Belvedere: train, judge, compile and run computer-vision models on your own machines.

    >>> import belvedere as bv
    >>> model = bv.train("pictures/")  # doctest: +SKIP
    >>> report = model.evaluate("held-out/")  # doctest: +SKIP
    >>> model.save("board.tar.gz")  # doctest: +SKIP
    >>> result = bv.load("board.tar.gz").predict("part.jpg")  # doctest: +SKIP
    >>> network = bv.compile("model.tar.gz", inputs={"data": (1, 3, 512, 512)})  # doctest: +SKIP

Names are imported when they are first used, so ``import belvedere`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from belvedere._version import __version__

if TYPE_CHECKING:
    from belvedere._facade import evaluate, train
    from belvedere.compiler.compile import compile  # noqa: A004  the name that users know
    from belvedere.core.errors import (
        ArtifactError,
        BelvedereError,
        CompileError,
        DatasetError,
        EngineError,
        ImageError,
        LimitError,
        MissingExtraError,
        NotAnArtifactError,
        OptionError,
        StorageError,
        TrainingError,
    )
    from belvedere.data.dataset import Dataset
    from belvedere.data.open import open_dataset
    from belvedere.evaluation import Report, TaskReport
    from belvedere.runtime import Artifact, Model
    from belvedere.tasks.anomaly.result import AnomalyResult
    from belvedere.zoo import load

__all__ = [
    "AnomalyResult",
    "Artifact",
    "ArtifactError",
    "BelvedereError",
    "CompileError",
    "Dataset",
    "DatasetError",
    "EngineError",
    "ImageError",
    "LimitError",
    "MissingExtraError",
    "Model",
    "NotAnArtifactError",
    "OptionError",
    "Report",
    "StorageError",
    "TaskReport",
    "TrainingError",
    "__version__",
    "compile",
    "evaluate",
    "load",
    "open_dataset",
    "train",
]

_ERRORS = "belvedere.core.errors"
_HOMES = {
    "AnomalyResult": "belvedere.tasks.anomaly.result",
    "Artifact": "belvedere.runtime",
    "ArtifactError": _ERRORS,
    "BelvedereError": _ERRORS,
    "CompileError": _ERRORS,
    "Dataset": "belvedere.data.dataset",
    "DatasetError": _ERRORS,
    "EngineError": _ERRORS,
    "ImageError": _ERRORS,
    "LimitError": _ERRORS,
    "MissingExtraError": _ERRORS,
    "Model": "belvedere.runtime",
    "NotAnArtifactError": _ERRORS,
    "OptionError": _ERRORS,
    "Report": "belvedere.evaluation",
    "StorageError": _ERRORS,
    "TaskReport": "belvedere.evaluation",
    "TrainingError": _ERRORS,
    "compile": "belvedere.compiler.compile",
    "evaluate": "belvedere._facade",
    "load": "belvedere.zoo",
    "open_dataset": "belvedere.data.open",
    "train": "belvedere._facade",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'belvedere' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, not what the module itself imports."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__") and name.endswith("__"))})
