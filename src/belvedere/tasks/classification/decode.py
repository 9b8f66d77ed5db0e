"""From a network's output to the scores of classes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.classification.result import ClassificationResult
from belvedere.tasks.outputs import Outputs, check_numbers, find_output


@dataclass(frozen=True)
class ClassificationDecoder:
    """How a classifier's output is read; part of the artifact.

    Attributes:
        output: Name of the output with one number per class.
        activation: What makes scores of the numbers: ``softmax``, ``sigmoid`` (classes that do not exclude each
            other), or ``none`` where the network did it itself.
        scale: Numbers are ``(value - zero_point) * scale``, as quantised networks write them.
        zero_point: See ``scale``.
        background: Classes at the start of the output that stand for "none of them" and are left out, after the
            activation: 1 for networks with 1001 ImageNet classes.
        labels: Names of the classes after those, maybe none.

    Raises:
        OptionError: a field has no usable value.
    """

    output: str
    activation: Literal["softmax", "sigmoid", "none"] = "softmax"
    scale: float = 1.0
    zero_point: int = 0
    background: int = 0
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.activation not in ("softmax", "sigmoid", "none"):
            raise OptionError(f"activation is {self.activation!r}: expected softmax, sigmoid or none")
        if not math.isfinite(self.scale) or self.scale <= 0:
            raise OptionError(f"scale is {self.scale!r}: expected a finite number above 0")
        if self.background < 0:
            raise OptionError(f"background is {self.background}: expected a number of classes, 0 or more")


def decode_classification(
    outputs: Outputs, decoder: ClassificationDecoder, image: NDArray[np.uint8], path: str | None = None
) -> ClassificationResult:
    """Read the output for one picture.

    Args:
        outputs: The decoder's output of any shape (1, ...) with C numbers, of any real dtype.
        decoder: How to read it.
        image: The decoded picture, RGB uint8 (H, W, 3).
        path: Where the picture came from, if it had a name.

    Raises:
        EngineError: the output is missing, not finite, or has another number of classes than there are labels.
    """
    values = find_output(outputs, decoder.output).astype(np.float32).ravel()
    check_numbers(decoder.output, values)
    scores = _activated((values - decoder.zero_point) * np.float32(decoder.scale), decoder.activation)
    scores = scores[decoder.background :]
    if not scores.size or (decoder.labels and len(decoder.labels) != scores.size):
        expected = len(decoder.labels) or "at least 1"
        raise EngineError(
            f"network output '{decoder.output}' has {values.size} classes, {decoder.background} of them background: "
            f"expected {expected} after those, one per label"
        )
    return ClassificationResult(scores=scores, labels=decoder.labels, image=image, path=path)


def _activated(values: NDArray[np.float32], activation: str) -> NDArray[np.float32]:
    if activation == "softmax":
        powers = np.exp(values - values.max())
        return np.asarray(powers / powers.sum(), dtype=np.float32)
    if activation == "sigmoid":
        # exp of a negative number only: it cannot overflow.
        powers = np.exp(-np.abs(values))
        return np.asarray(np.where(values >= 0, 1, powers) / (1 + powers), dtype=np.float32)
    return values
