"""The table of MXNet operators that are translated, and why others are not."""

from __future__ import annotations

from collections.abc import Mapping

from belvedere.compiler.importers.mxnet.call import Translator
from belvedere.compiler.importers.mxnet.operators import (
    activations,
    arithmetic,
    boxes,
    fills,
    indexing,
    layers,
    norms,
    pooling,
    reductions,
    regions,
    reshapes,
    resizing,
    shapes,
    slices,
    suppression,
    unary,
)

_FAMILIES = (
    activations, arithmetic, boxes, fills, indexing, layers, norms, pooling, reductions, regions, reshapes, resizing,
    shapes, slices, suppression, unary,
)  # fmt: skip
TRANSLATORS: Mapping[str, Translator] = {
    name: translator for family in _FAMILIES for name, translator in family.TRANSLATORS.items()
}
DEFORMABLE = layers.DEFORMABLE
BATCH_NORMS = norms.BATCH_NORMS

# Training heads and their like: only their first input counts at inference, the second is a label.
ONLY_FIRST = frozenset({
    "SoftmaxOutput", "Softmax", "LogisticRegressionOutput", "LinearRegressionOutput", "MAERegressionOutput",
    "SVMOutput", "_identity_with_attr_like_rhs",
})  # fmt: skip

# Operators whose outputs MXNet numbers even where one is shown.
NUMBERED = frozenset({"_contrib_box_nms", "_contrib_box_non_maximum_suppression", "sort", "SliceChannel", "split"})
_NUMBERED_TOPK = ("value", "both")

_REASONS = (
    (("_foreach", "_while_loop", "_cond"), "control flow"),
    (("_contrib_quantize", "_contrib_dequantize", "_contrib_requantize", "_sg_mkldnn", "_sg_onednn"), "an int8 export"),
    (("_random_", "_sample_", "random_", "sample_", "_shuffle", "uniform", "normal"), "random numbers"),
    (("RNN", "_rnn"), "a recurrent layer"),
    (("_np_", "_npx_", "_npi_"), "an operator of MXNet 2's NumPy interface"),
    (("Custom", "_Native", "_NDArray"), "an operator that the model's authors wrote themselves"),
    (("_contrib_Proposal", "_contrib_MultiProposal"), "an operator that needs the size of the original picture"),
)  # fmt: skip


def why_not(op: str) -> str:
    """Why an operator is not translated, in a few words; empty where it is just not known."""
    return next((reason for prefixes, reason in _REASONS if op.startswith(prefixes)), "")


def is_numbered(op: str, attributes: Mapping[str, str], outputs: int) -> bool:
    """Whether MXNet names this operator's outputs ``_output0``, ``_output1``, ... rather than ``_output``."""
    if op == "topk":
        return attributes.get("ret_typ", "indices") in _NUMBERED_TOPK
    return outputs > 1 or op in NUMBERED
