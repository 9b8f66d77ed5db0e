"""Belvedere: train, judge and run computer-vision models on your own machines.

    >>> import belvedere as bv
    >>> model = bv.train("pictures/")  # doctest: +SKIP
    >>> report = model.evaluate("held-out/")  # doctest: +SKIP
    >>> model.save("board.tar.gz")  # doctest: +SKIP
    >>> result = bv.load("board.tar.gz").predict("part.jpg")  # doctest: +SKIP

Names are imported when they are first used, so ``import belvedere`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from belvedere._version import __version__

if TYPE_CHECKING:
    from belvedere._facade import evaluate, train
    from belvedere.core.errors import (
        ArtifactError,
        BelvedereError,
        DatasetError,
        EngineError,
        ImageError,
        LimitError,
        MissingExtraError,
        OptionError,
        StorageError,
        TrainingError,
    )
    from belvedere.data.dataset import Dataset
    from belvedere.data.open import open_dataset
    from belvedere.evaluation import Report
    from belvedere.runtime import Artifact, Model, load
    from belvedere.tasks.anomaly.result import AnomalyResult

__all__ = [
    "AnomalyResult",
    "Artifact",
    "ArtifactError",
    "BelvedereError",
    "Dataset",
    "DatasetError",
    "EngineError",
    "ImageError",
    "LimitError",
    "MissingExtraError",
    "Model",
    "OptionError",
    "Report",
    "StorageError",
    "TrainingError",
    "__version__",
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
    "Dataset": "belvedere.data.dataset",
    "DatasetError": _ERRORS,
    "EngineError": _ERRORS,
    "ImageError": _ERRORS,
    "LimitError": _ERRORS,
    "MissingExtraError": _ERRORS,
    "Model": "belvedere.runtime",
    "OptionError": _ERRORS,
    "Report": "belvedere.evaluation",
    "StorageError": _ERRORS,
    "TrainingError": _ERRORS,
    "evaluate": "belvedere._facade",
    "load": "belvedere.runtime",
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
    return sorted({*globals(), *__all__})
