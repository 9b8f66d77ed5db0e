"""The structures of GluonCV's networks: their symbols without weights, and what files of weights call each parameter.

``structures.json.xz`` was written by ``tools/gluoncv_structures`` with GluonCV itself (Apache-2.0).
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import takewhile
from typing import Any

from belvedere.core.errors import CompileError, OptionError

_TRAINED_SIDE = 480
_STRIDE = 8


@dataclass(frozen=True, eq=False)
class Structure:
    """One network.

    Attributes:
        name: As GluonCV calls it.
        symbol: What ``symbol.json`` holds.
        parameters: Name in a file that ``save_parameters`` wrote, such as ``stages.0.0.weight``, to the symbol's name.
        classes: Names of the classes, maybe none.
    """

    name: str
    symbol: Mapping[str, Any]
    parameters: Mapping[str, str]
    classes: tuple[str, ...]


def find_structure(name: str) -> Structure:
    """The structure of a network. Raises OptionError: the package has none of that name."""
    start = f'{{"name":"{name}",'
    path = files("belvedere.zoo.gluoncv").joinpath("structures.json.xz")
    with path.open("rb") as packed, lzma.LZMAFile(packed) as lines:
        for line in lines:
            if line.startswith(start.encode()):
                found = json.loads(line)
                return Structure(name, found["symbol"], found["parameters"], tuple(found["classes"]))
    raise OptionError(f"the package has no structure of the GluonCV network {name!r}")


def stored_names(structure: Structure, stored: Iterable[str], where: str) -> dict[str, str]:
    """Which array of a file of weights each parameter of the symbol is.

    Files name parameters by their place (``save_parameters``, as GluonCV publishes them), or by the symbol's names
    with or without the network's own prefix (``collect_params().save``, ``save_params`` and exported files).

    Args:
        structure: The network.
        stored: Names in the file.
        where: The file, for messages.

    Returns:
        The symbol's name to the file's.

    Raises:
        CompileError: an array is missing.
    """
    held = set(stored)
    needed = sorted(set(structure.parameters.values()))
    by_place: dict[str, str] = {own: place for place, own in structure.parameters.items() if place in held}
    bare, prefix = _common(needed), _common(sorted(held))
    by_name = {own: own for own in needed}
    without = {own: own.removeprefix(bare) for own in needed}
    changed = {own: prefix + own.removeprefix(bare) for own in needed}
    best: dict[str, str] = {}
    for names in (by_place, by_name, without, changed):
        found = {own: name for own, name in names.items() if name in held}
        if len(found) == len(needed):
            return found
        best = max(best, found, key=len)
    missing = [place for place, own in structure.parameters.items() if own not in best]
    raise CompileError(
        f"{where}: {len(missing)} of the {len(needed)} parameters of {structure.name} are not in it, such as "
        f"{missing[0]}; it holds {', '.join(sorted(held)[:3])} ... Is it the file of another network? One that was "
        "changed, with classes of its own for one, needs its exported pair NAME-symbol.json and NAME-0000.params "
        "(net.export(NAME)), side by side"
    )


def symbol_for(structure: Structure, names: Mapping[str, str], size: tuple[int, int]) -> str:
    """The text of a symbol file whose variables are called as in a file of weights.

    Args:
        structure: The network.
        names: Of its parameters, as ``stored_names`` gives them.
        size: Width and height of the input; segmentation networks hold it in their graph.

    Raises:
        CompileError: a network that holds its size cannot have this one.
    """
    nodes = []
    for node in structure.symbol["nodes"]:
        changed = {**node, "name": names[node["name"]]} if node["name"] in names else dict(node)
        if node["op"] == "_contrib_BilinearResize2D":
            changed["attrs"] = {**node["attrs"], **_enlarged(node["attrs"], size, structure.name)}
        nodes.append(changed)
    return json.dumps({**structure.symbol, "nodes": nodes})


def _enlarged(attributes: Mapping[str, str], size: tuple[int, int], name: str) -> dict[str, str]:
    """The sides that a map is enlarged to: the input's, or those of its eighth."""
    if size != (_TRAINED_SIDE, _TRAINED_SIDE) and any(side % _STRIDE for side in size):
        raise CompileError(f"{name}: an input of {size[0]}x{size[1]}; both sides must be multiples of {_STRIDE}")
    whole = int(attributes["height"]) == _TRAINED_SIDE
    width, height = size if whole else (size[0] // _STRIDE, size[1] // _STRIDE)
    return {"height": str(height), "width": str(width)}


def _common(names: Sequence[str]) -> str:
    """What sorted names begin with, up to an underscore: the prefix of a network."""
    if not names:
        return ""
    pairs = zip(names[0], names[-1], strict=False)
    same = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return same[: same.rfind("_") + 1]
