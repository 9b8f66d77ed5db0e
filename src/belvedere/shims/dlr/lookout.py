"""Anomaly models with the outputs of the model packages that Lookout for Vision exported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from belvedere.runtime import Manifest


def class_scores(manifest: Manifest, outputs: Sequence[Any]) -> list[Any]:
    """The outputs as DLR programs know them.

    Those of an anomaly model begin with class scores (N, 2), anomalous and normal, as the packages of Lookout for
    Vision gave them, so that ``outputs[0][0][0]`` is the anomaly score. All others stay as they are.
    """
    if manifest.task != "anomaly":
        return list(outputs)
    score, *others = outputs
    return [np.stack([score, 1 - score], axis=1), *others]
