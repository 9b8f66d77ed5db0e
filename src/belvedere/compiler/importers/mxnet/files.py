"""Finding the symbol and parameter files of a model, by name and content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from belvedere.compiler.importers.mxnet.params import is_params, read_params
from belvedere.compiler.importing import Source
from belvedere.core.errors import CompileError

_SYMBOL = "-symbol.json"
_PARAMS = ".params"
_EPOCH = re.compile(r"-(\d+)\.params")
_STRUCTURAL = re.compile(r".+\.\d+\..+|.+\.(weight|bias|gamma|beta|running_mean|running_var)")
_HEAD = 4096
_ASK = (
    "expected an exported pair of files, NAME-symbol.json and NAME-0000.params: in Gluon use net.export(NAME) or "
    "gluoncv.utils.export_block(NAME, net), not save_parameters"
)


@dataclass(frozen=True)
class Pair:
    """The files of one model.

    Attributes:
        symbol: The graph.
        params: The weights.
        notes: What the user should know about the choice.
    """

    symbol: Path
    params: Path
    notes: tuple[str, ...] = ()


def probe(source: Source) -> float:
    """How sure it is that these are MXNet's files: by the magic number and by the form of the JSON. Never raises."""
    try:
        symbols, params = _symbols(source), _params(source)
        sure = max((_is_symbol(path) for path in symbols), default=0.0)
        magic = any(is_params(path) for path in params)
    except OSError:
        return 0.0
    if sure and magic:
        return 1.0
    return max(sure, 0.9 if magic else 0.0, 0.2 if params else 0.0)


def find_pair(source: Source) -> Pair:
    """The symbol and parameter files of a model.

    Of several parameter files that fit the symbol's name the highest epoch is taken, and a note says so.

    Raises:
        CompileError: one of the two is missing, or more than one model is there.
    """
    symbols, params = _symbols(source), _params(source)
    if len(symbols) > 1:
        raise CompileError(
            f"{source.path}: more than one MXNet model: {_listed(symbols, source)}; name the symbol file of one"
        )
    if not symbols:
        raise CompileError(_without_symbol(source, params))
    symbol = symbols[0]
    if not params:
        raise CompileError(f"{source.path}: {symbol.name} is there, but no parameter file (*.params); {_ASK}")
    prefix = symbol.name.removesuffix(_SYMBOL)
    fitting = [path for path in params if _prefix(path) == prefix] or params
    if len(fitting) == 1:
        return Pair(symbol, fitting[0])
    if len({_prefix(path) for path in fitting}) > 1:
        raise CompileError(
            f"{source.path}: only one parameter file is allowed for an MXNet model, and none of these belongs to "
            f"{symbol.name} by its name: {_listed(fitting, source)}"
        )
    chosen = max(fitting, key=lambda path: (_epoch(path), path.name))
    note = f"{len(fitting)} parameter files belong to {symbol.name}; {chosen.name} was taken, the highest epoch."
    return Pair(symbol, chosen, (note,))


def _symbols(source: Source) -> list[Path]:
    """The symbol files: those named so, else any JSON file that holds such a graph."""
    if source.single and source.path.name.endswith(_PARAMS):
        prefix = _prefix(source.path)
        beside = [source.root / f"{prefix}{_SYMBOL}"]
        if not beside[0].is_file():
            beside = sorted(source.root.glob(f"*{_SYMBOL}"))
        return beside if len(beside) == 1 else []
    files = [source.root / file for file in source.files if not file.name.startswith("._")]
    named = [file for file in files if file.name.endswith(_SYMBOL)]
    return named or [file for file in files if file.suffix == ".json" and _is_symbol(file) > 0.5]


def _params(source: Source) -> list[Path]:
    files = [source.root / file for file in source.files if not file.name.startswith("._")]
    if source.single and source.path.suffix == ".json":
        prefix = source.path.name.removesuffix(_SYMBOL)
        beside = sorted(source.root.glob(f"*{_PARAMS}"))
        fitting = [path for path in beside if _prefix(path) == prefix]
        return fitting or (beside if len(beside) == 1 else [])
    found = [file for file in files if file.name.endswith(_PARAMS)]
    return found or [file for file in files if is_params(file)]


def _is_symbol(path: Path) -> float:
    """How much a JSON file looks like MXNet's: a graph of nodes with op, name and inputs."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return 0.0
    if b'"tvm_op"' in head:
        return 0.1
    if head.lstrip()[:1] == b"{" and b'"nodes"' in head and b'"op"' in head and b'"inputs"' in head:
        return 0.9
    return 0.3 if path.name.endswith(_SYMBOL) else 0.0


def _without_symbol(source: Source, params: list[Path]) -> str:
    if not params:
        return f"{source.path}: no MXNet model in it; {_ASK}"
    names = list(read_params(params[0]).arrays)
    shown = ", ".join(names[:3])
    kind = "Gluon parameters alone" if any(map(_STRUCTURAL.fullmatch, names)) else "parameters alone"
    return f"{source.path}: {params[0].name} holds {kind} ({shown} ...), there is no symbol file; {_ASK}"


def _prefix(path: Path) -> str:
    return _EPOCH.sub("", path.name) if _EPOCH.search(path.name) else path.name.removesuffix(_PARAMS)


def _epoch(path: Path) -> int:
    found = _EPOCH.search(path.name)
    return int(found.group(1)) if found else -1


def _listed(paths: list[Path], source: Source) -> str:
    return ", ".join(path.relative_to(source.root).as_posix() for path in paths)
