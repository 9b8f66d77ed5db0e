"""The feature networks that come with the package; their model cards lie beside the weights."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import numpy as np

from belvedere.core.errors import OptionError
from belvedere.training.backbones.value import Backbone

DEFAULT_BACKBONE = "belvedere-s"

BUNDLED: dict[str, str] = {DEFAULT_BACKBONE: "belvedere_s.onnx"}
"""Name to file in ``weights/``."""


@lru_cache(maxsize=2)
def bundled_backbone(name: str = DEFAULT_BACKBONE) -> Backbone:
    """Load a bundled backbone. Raises OptionError for a name that is not in ``BUNDLED``."""
    import onnx

    if name not in BUNDLED:
        raise OptionError(
            f"no bundled backbone {name!r}: there is {', '.join(BUNDLED)}; larger ones come by name through "
            "belvedere.train, or as a Backbone"
        )
    data = files("belvedere.training.backbones").joinpath("weights", BUNDLED[name]).read_bytes()
    model = onnx.load_model_from_string(data)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    _widen(model)
    mean, std = ([float(v) for v in facts[key].split(",")] for key in ("mean", "std"))
    return Backbone(
        name=name,
        network=model.SerializeToString(),
        channels=int(facts["channels"]),
        stride=int(facts["stride"]),
        multiple=int(facts["multiple"]),
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
        licence=facts["licence"],
        origin=facts["origin"],
    )


def _widen(model: object) -> None:
    """Turn stored float16 weights and the Cast nodes behind them into plain float32 weights."""
    from onnx import TensorProto, numpy_helper

    graph = model.graph  # type: ignore[attr-defined]
    narrow = {t.name: t for t in graph.initializer if t.data_type == TensorProto.FLOAT16}
    kept = []
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in narrow:
            tensor = narrow[node.input[0]]
            wide = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(wide, node.output[0]))
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
