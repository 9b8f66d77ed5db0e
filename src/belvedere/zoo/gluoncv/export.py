"""From a user's file of GluonCV weights to an artifact with GluonCV's preprocessing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from belvedere.compiler.compile import compile as compile_model
from belvedere.compiler.importers.mxnet.params import is_params, read_params
from belvedere.core.errors import CompileError, OptionError
from belvedere.runtime import Artifact
from belvedere.zoo.catalogue import Entry
from belvedere.zoo.finish import Progress, finished
from belvedere.zoo.gluoncv.presets import PRESETS
from belvedere.zoo.gluoncv.structures import find_structure, stored_names, symbol_for

_INPUT = "data"


def export_params(
    entry: Entry,
    weights: Path | None,
    *,
    size: tuple[int, int] | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Progress,
) -> Artifact:
    """Compile a GluonCV network with the weights that the user has.

    Args:
        entry: Of the source ``gluoncv``.
        weights: A ``.params`` file as GluonCV publishes it; or an exported pair, one of its files, its folder or an
            archive of it.
        size: Width and height of the input; None for the preset's.
        options: Further options of ``belvedere.compile``, such as ``precision``.
        progress: Called with (stage, done, total).

    Raises:
        OptionError: no weights are named.
        CompileError: the weights cannot be read, are those of another network, or cannot be compiled.
    """
    if weights is None:
        raise OptionError(
            f"model {entry.name}: its weights are yours to bring: name the .params file (--weights FILE.params; "
            f'belvedere.load("{entry.name}", weights="FILE.params")). GluonCV kept the files that it fetched in '
            "~/.mxnet/models"
        )
    if not weights.exists():
        raise CompileError(f"{weights}: there is no such file; expected the weights of {entry.name}")
    width, height = size or entry.size or (224, 224)
    structure = find_structure(entry.name)
    with _pair(entry, weights, (width, height)) as model:
        artifact = compile_model(
            model,
            inputs={_INPUT: (1, 3, height, width)},
            framework="mxnet",
            task=entry.task,
            labels=entry.labels or structure.classes or None,
            resize=PRESETS[entry.preset].mode,
            decoder={"family": entry.decoder, "kernel": PRESETS[entry.preset].kernel},
            progress=progress,
            **{"name": entry.name, **(options or {})},
        )
    facts = {"name": entry.name, "source": "gluoncv", "preset": entry.preset, "licence": entry.licence}
    return finished(artifact, resize=PRESETS[entry.preset].resize(width, height), zoo=facts)


@contextmanager
def _pair(entry: Entry, weights: Path, size: tuple[int, int]) -> Iterator[Path]:
    """A symbol and a file of weights that belong together: the user's own, or the package's structure beside them."""
    if not weights.is_file() or not is_params(weights) or _symbol_beside(weights):
        yield weights
        return
    parameters = read_params(weights)
    structure = find_structure(entry.name)
    names = stored_names(structure, parameters.arrays, weights.name)
    # Not held while the importer maps the file again.
    del parameters
    with tempfile.TemporaryDirectory(prefix="belvedere-gluoncv-") as temporary:
        folder = Path(temporary) / entry.name
        folder.mkdir()
        (folder / f"{entry.name}-symbol.json").write_text(symbol_for(structure, names, size), encoding="utf-8")
        beside = folder / f"{entry.name}-0000.params"
        try:
            beside.symlink_to(weights.resolve())
        except OSError:  # a system that lets only administrators link
            shutil.copyfile(weights, beside)
        yield folder


def _symbol_beside(weights: Path) -> bool:
    """Whether the exported symbol of this very file lies beside it."""
    stem = weights.name.removesuffix(".params")
    prefix, _, epoch = stem.rpartition("-")
    return epoch.isdecimal() and (weights.parent / f"{prefix}-symbol.json").is_file()
