"""Finding the cfg and the weights of a Darknet model."""

from __future__ import annotations

import struct
from pathlib import Path

from belvedere.compiler.importers.darknet.cfg import looks_like_cfg
from belvedere.compiler.importing import Source
from belvedere.core.errors import CompileError


def probe(source: Source) -> float:
    """How sure it is that the source is a Darknet model; never raises."""
    try:
        cfgs, weights = _candidates(source)
    except (OSError, ValueError):
        return 0.0
    if cfgs and weights:
        return 0.95
    if cfgs:
        return 0.6
    return 0.4 if weights else 0.0


def find(source: Source) -> tuple[Path, Path]:
    """The cfg and the weights.

    Raises:
        CompileError: one is missing, or there are several that do not pair up by name.
    """
    cfgs, weights = _candidates(source)
    name = source.path.name
    if not cfgs:
        raise CompileError(
            f"{name}: no .cfg file that begins with [net]; a Darknet model needs one beside its .weights"
        )
    if not weights:
        raise CompileError(f"{name}: no .weights file; a Darknet model needs one beside its .cfg")
    pairs = [(cfg, one) for cfg in cfgs for one in weights if cfg.stem == one.stem]
    if len(cfgs) == len(weights) == 1:
        pairs = [(cfgs[0], weights[0])]
    if len(pairs) != 1:
        found = ", ".join(path.name for path in (*cfgs, *weights))
        raise CompileError(
            f"{name}: exactly one .cfg and one .weights file are needed, or one pair of a name; found {found}"
        )
    return pairs[0]


def _candidates(source: Source) -> tuple[list[Path], list[Path]]:
    """Cfg files and weights files of the source, by content; for a single file its neighbours of the same name too."""
    paths = [source.root / file for file in source.files]
    if source.single:
        (named,) = paths
        if not (_is_weights(named) or looks_like_cfg(named)):
            return [], []
        paths += [named.with_suffix(suffix) for suffix in (".cfg", ".weights") if named.suffix != suffix]
        if named.suffix == ".cfg" and not named.with_suffix(".weights").is_file():
            paths += sorted(source.root.glob("*.weights"))
    paths = [path for path in paths if path.is_file()]
    weights = [path for path in paths if _is_weights(path)]
    texts = [path for path in paths if path not in weights and (path.suffix.lower() == ".cfg" or source.single)]
    return [path for path in texts if looks_like_cfg(path)], weights


def _is_weights(path: Path) -> bool:
    """Whether the file is called ``.weights`` and begins with a version that Darknet has had."""
    if path.suffix.lower() != ".weights":
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(12)
    except OSError:
        return False
    return len(head) < 12 or all(0 <= number < 100_000 for number in struct.unpack("<iii", head))
