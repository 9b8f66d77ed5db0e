"""Reading TorchScript files."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from belvedere.compiler.importers.pytorch.container import ZIP_DAMAGE, check_bounds
from belvedere.compiler.importers.pytorch.network import Argument, Network, traced_shape
from belvedere.compiler.importers.pytorch.vision_operators import SUPPORTED, define_vision_operators
from belvedere.compiler.importing import Declared, Request
from belvedere.core.errors import CompileError

# TorchScript can call these, which read and write files.
_FILE_ACCESS = re.compile(rb"\b(?:torch|ops\.aten|aten)(?:\.|::)(?:from_file|save|load)\b")
_FOREIGN = re.compile(rb"\bops\.(\w+)\.(\w+)")
_UNKNOWN = re.compile(r"[Uu]nknown (?:builtin )?op(?:erator)?:?\s*'?([\w:.]+)")
_OWN = frozenset({b"aten", b"prim", b"prims", b"quantized", b"_quantized", b"inductor", b"mkldnn", b"onednn"})
_GROWTH = 4
_SLACK = 64 * 1024**2


def open_script(path: Path, request: Request) -> Network:
    """Load a TorchScript file on the CPU. Its code runs in TorchScript's interpreter, not in Python's.

    Raises:
        CompileError: damaged, an operator that torch lacks, access to files, or inputs that are not declared.
        LimitError: see ``check_bounds``.
    """
    check_bounds(path)
    foreign = _check_code(path)
    define_vision_operators()
    try:
        module = torch.jit.load(str(path), map_location="cpu")
    except Exception as error:
        raise CompileError(f"{path}: {_reason(error)}") from error
    module.eval()
    _check_weights(module, path)
    notes: tuple[str, ...] = ()
    dtypes = {value.dtype for value in (*module.parameters(), *module.buffers())}
    if dtypes & {torch.float16, torch.bfloat16}:
        notes += ("weights in half precision were widened to float32; choose --precision f16 to store them so",)
    if torch.float64 in dtypes:
        notes += ("weights in float64 were rounded to float32, in which networks are compiled",)
    if notes:
        module.float()
    return Network(
        module=module,
        arguments=_arguments(module, request, path),
        operators=foreign,
        notes=notes,
        provenance={"format": "torchscript", "torch": torch.__version__.partition("+")[0]},
    )


def _check_code(path: Path) -> frozenset[str]:
    """Names of operators outside of torch that the code calls."""
    foreign: set[str] = set()
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.filename.partition("/")[2].startswith("code/") or not info.filename.endswith(".py"):
                continue
            try:
                code = archive.read(info)
            except (*ZIP_DAMAGE, ValueError) as error:
                raise CompileError(f"{path}: a damaged TorchScript file ({error})") from error
            if _FILE_ACCESS.search(code):
                raise CompileError(
                    f"{path}: {info.filename} reads or writes files (torch.from_file, torch.save), which a network has "
                    "no reason to do; it is not loaded"
                )
            found = _FOREIGN.findall(code)
            foreign |= {f"{space.decode()}::{name.decode()}" for space, name in found if space not in _OWN}
    unknown = sorted(foreign - SUPPORTED)
    if unknown:
        raise CompileError(
            f"{path}: custom operators that torch does not have: {', '.join(unknown)}. Supported beyond torch are "
            f"{', '.join(sorted(SUPPORTED))}; write the others with torch's own operators"
        )
    return frozenset(foreign)


def _check_weights(module: torch.nn.Module, path: Path) -> None:
    """Views may claim more elements than the file holds: what is exported would fill the memory."""
    claimed = sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))
    if claimed > _GROWTH * path.stat().st_size + _SLACK:
        raise CompileError(f"{path}: weights of {claimed} bytes in a file of {path.stat().st_size}: damaged or hostile")


def _arguments(module: Any, request: Request, path: Path) -> tuple[Argument, ...]:
    try:
        schema = module.forward.schema.arguments[1:]
    except (AttributeError, RuntimeError) as error:
        raise CompileError(f"{path}: the TorchScript file has no method forward") from error
    needed = [argument for argument in schema if not argument.has_default_value()]
    if not request.inputs or not len(needed) <= len(request.inputs) <= len(schema):
        names = ", ".join(argument.name for argument in schema)
        said = f"{len(request.inputs)} inputs are declared" if request.inputs else "no inputs are declared"
        raise CompileError(
            f"{path}: {said}, but the network takes {len(needed)} ({names}), and TorchScript files keep no shapes: "
            "declare all in that order, such as --input input0=1x3x224x224"
        )
    dtype = request.options.get("dtype")
    return tuple(_argument(at, declared, dtype) for at, declared in enumerate(request.inputs))


def _argument(at: int, declared: Declared, dtype: str | None) -> Argument:
    # Names in the file look like "x.1" and mean nothing to the user.
    return Argument(
        name=declared.name or f"input{at}",
        shape=declared.shape,
        dtype=declared.dtype or dtype or "float32",
        traced=traced_shape(declared.shape),
    )


def _reason(error: Exception) -> str:
    text = str(error)
    if unknown := _UNKNOWN.search(text):
        return f"the custom operator {unknown.group(1)} is not known to torch; only torch's own operators are read"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"a damaged TorchScript file ({lines[0][:300] if lines else type(error).__name__})"
