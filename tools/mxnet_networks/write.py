"""Writing a network's two files, and counting its parameters."""

from __future__ import annotations

from pathlib import Path

from tools.mxnet_networks.catalogue import NETWORKS, Network, Size
from tools.mxnet_networks.parameters import Parameter, write_params
from tools.mxnet_networks.symbol import Graph, Tensor

Shape = tuple[int, ...]


def write_network(name: str, folder: str | Path, size: int | Size | None = None, seed: int = 0) -> dict[str, Shape]:
    """Write ``<name>-symbol.json`` and ``<name>-0000.params`` with reproducible random weights.

    Args:
        name: A key of ``NETWORKS``.
        folder: Where to; made if missing.
        size: Side, or height and width, of the input; that of the published network unless told. Segmentation
            networks hold it in their graph, the others do not depend on it.
        seed: Other seeds give other weights.

    Returns:
        Input name to shape (1, 3, height, width), as a compile job declares it.

    Raises:
        KeyError: no network of that name.
    """
    network = NETWORKS[name]
    height, width = (size, size) if isinstance(size, int) else size or network.size
    graph, heads = _build(network, (height, width))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}-symbol.json").write_text(graph.json(heads), encoding="utf-8")
    write_params(folder / f"{name}-0000.params", graph.parameters, seed)
    return {"data": (1, 3, height, width)}


def parameter_count(name: str, *, statistics: bool) -> int:
    """Learned values of a network, with or without moving statistics; anchor tables never count."""
    graph, _ = _build(NETWORKS[name], NETWORKS[name].size)
    kinds = {"learned", "statistics"} if statistics else {"learned"}
    unique: dict[str, Parameter] = {parameter.name: parameter for parameter in graph.parameters}
    return sum(parameter.size for parameter in unique.values() if parameter.kind in kinds)


def _build(network: Network, size: Size) -> tuple[Graph, list[Tensor]]:
    graph = Graph(network.prefix)
    return graph, network.build(graph, graph.input("data", 3), size)
