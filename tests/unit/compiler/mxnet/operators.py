"""Running one MXNet operator through the importer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from unit.compiler.mxnet.engines import imported, run
from unit.compiler.mxnet.models import Symbol, save


def apply(
    folder: Path,
    engine: str,
    op: str,
    *inputs: NDArray[Any],
    weights: tuple[NDArray[Any], ...] = (),
    outputs: int = 1,
    version: int = 10901,
    **attributes: Any,
) -> list[NDArray[Any]]:
    """The outputs of ``op`` on inputs that are fed, followed by weights from the parameter file."""
    symbol = Symbol()
    fed = [symbol.variable(f"in{index}", __dtype__=_code(array)) for index, array in enumerate(inputs)]
    held = [symbol.variable(f"w{index}_weight") for index in range(len(weights))]
    node, _ = symbol.op(op, "op", *fed, *held, **attributes)
    heads = [[node, number] for number in range(outputs)]
    arrays = {f"w{index}_weight": array for index, array in enumerate(weights)}
    save(folder, symbol.json(*heads, version=version), arrays)
    model = imported(folder, {f"in{index}": array.shape for index, array in enumerate(inputs)})
    return run(engine, model, {f"in{index}": array for index, array in enumerate(inputs)})


def _code(array: NDArray[Any]) -> int:
    return {"float32": 0, "uint8": 3, "int32": 4, "int64": 6}[array.dtype.name]
