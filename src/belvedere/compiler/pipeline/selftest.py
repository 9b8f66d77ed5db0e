"""The self-test that goes into an artifact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from belvedere.compiler.parity.choosing import cuts_of
from belvedere.compiler.parity.flow import flow_of
from belvedere.compiler.pipeline.network import Finished
from belvedere.runtime import Model

SelfTestParts = tuple[Mapping[str, NDArray[Any]], Sequence[NDArray[Any]], float]
"""Inputs, the outputs that they gave, and the tolerance."""

TOLERANCES = {"f32": 1e-3, "f16": 1e-3, "bf16": 1e-1, "int8": 3e-1}
"""Of the largest value: other processors compute bfloat16 and int8 differently."""
_MOST_BYTES = 32 * 1024**2


def selftest_of(
    model: Model, finished: Finished, feeds: Mapping[str, NDArray[Any]], precision: str
) -> tuple[SelfTestParts | None, tuple[str, ...]]:
    """Run one seeded input for the self-test.

    Args:
        model: The artifact, open.
        finished: Its network.
        feeds: The input.
        precision: Of the network.

    Returns:
        The self-test, or None and a note why there is none: outputs that are chosen (non-maximum suppression) differ
        between processors in bfloat16 and int8, and very large tensors are not worth their room.
    """
    names = [output.name for output in model.artifact.manifest.outputs]
    if precision in ("bf16", "int8") and cuts_of(flow_of(finished.network, names)).before:
        return None, (f"no self-test: in {precision} another processor may choose other rows",)
    outputs = model.run(feeds)
    if sum(tensor.nbytes for tensor in (*feeds.values(), *outputs)) > _MOST_BYTES:
        return None, (f"no self-test: inputs and outputs take more than {_MOST_BYTES // 2**20} MiB",)
    return (feeds, outputs, TOLERANCES[precision]), ()
