"""Reading state dicts: weights of an architecture that ``nets`` knows."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from belvedere import nets
from belvedere.compiler.importers.pytorch.container import check_bounds
from belvedere.compiler.importers.pytorch.network import Argument, Network, traced_shape
from belvedere.compiler.importing import Request
from belvedere.core.errors import CompileError

_WRAPPERS = ("state_dict", "model_state_dict", "model", "ema", "net", "network", "module", "weights", "params")
_PREFIXES = ("module.", "model.", "_orig_mod.", "net.", "network.")
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
_COUNTER = "num_batches_tracked"
_MOST_SHOWN = 8
_NOT_FOR_NETS = frozenset({"dtype", "format"})


def open_state(path: Path, request: Request) -> Network:
    """Load a state dict into its architecture.

    Only tensors are unpickled (``weights_only``); what else a checkpoint may hold as plain values is left out.

    Raises:
        CompileError: damaged, holds more than plain values, no architecture is named, or the weights do not fit it;
            all keys that do not fit are listed.
    """
    state = read_state(path)
    if request.arch is None:
        raise CompileError(_no_architecture(state, path))
    row = nets.describe(request.arch)
    options = {key: value for key, value in request.options.items() if key not in _NOT_FOR_NETS}
    state = {key: value for key, value in _stripped(state, row.head).items() if not key.startswith(row.unused or "\0")}
    net = nets.create(row.name, classes=nets.classes_in(row.name, state), **options)
    _fill(net, state, row.name, path)
    return Network(
        module=net,
        arguments=(_argument(row, request, path),),
        outputs=row.outputs,
        provenance={"format": "state_dict", "arch": row.name, "torch": torch.__version__.partition("+")[0]},
    )


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a checkpoint by name.

    Raises:
        CompileError: damaged, holds pickled objects, or no tensors.
    """
    if zipfile.is_zipfile(path):
        check_bounds(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CompileError(f"{path}: {_reason(error)}") from error
    state = _tensors(content)
    if not state:
        found = f"{', '.join(map(str, list(content)[:_MOST_SHOWN]))}" if isinstance(content, Mapping) else type(content)
        raise CompileError(f"{path}: no state dict in it; found {found}")
    return state


def _tensors(content: Any, depth: int = 0) -> dict[str, torch.Tensor]:
    if not isinstance(content, Mapping) or depth > len(_WRAPPERS):
        return {}
    own = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, torch.Tensor)}
    if own and len(own) * 2 > len(content):
        return own
    for wrapper in _WRAPPERS:
        if found := _tensors(content.get(wrapper), depth + 1):
            return found
    return own


def _stripped(state: dict[str, torch.Tensor], head: str) -> dict[str, torch.Tensor]:
    """The state less a prefix that all keys have from a wrapper around the network."""
    while head not in state:
        prefix = next((p for p in _PREFIXES if all(key.startswith(p) for key in state)), None)
        if prefix is None:
            break
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _fill(net: torch.nn.Module, state: Mapping[str, torch.Tensor], name: str, path: Path) -> None:
    own = net.state_dict()
    missing = [key for key in own if key not in state and not key.endswith(_COUNTER)]
    unknown = [key for key in state if key not in own and not key.endswith(_COUNTER)]
    common = [key for key in own if key in state]
    wrong = [
        f"{key} {list(state[key].shape)} for {list(own[key].shape)}"
        for key in common
        if state[key].shape != own[key].shape and not key.endswith(_COUNTER)
    ]
    strange = [key for key in common if not state[key].is_floating_point() and own[key].is_floating_point()]
    faults = {"missing": missing, "unknown": unknown, "of another shape": wrong, "not of real numbers": strange}
    if any(faults.values()):
        listed = "; ".join(f"{len(keys)} {what}: {_some(keys)}" for what, keys in faults.items() if keys)
        raise CompileError(f"{path}: the weights do not fit {name}: {listed}")
    net.load_state_dict({key: state[key] for key in common if not key.endswith(_COUNTER)}, strict=False)


def _argument(row: nets.Architecture, request: Request, path: Path) -> Argument:
    if len(request.inputs) > 1:
        raise CompileError(f"{path}: {len(request.inputs)} inputs are declared, but {row.name} takes one")
    usual = (1, *row.input)
    declared = request.inputs[0] if request.inputs else None
    shape = declared.shape if declared else usual
    if len(shape) != 4 or shape[1] not in (-1, row.input[0]):
        raise CompileError(
            f"{path}: {row.name} takes pictures N x {row.input[0]} x H x W, such as {'x'.join(map(str, usual))}; "
            f"declared is {'x'.join(map(str, shape))}"
        )
    shape = (shape[0], row.input[0], *shape[2:])
    name = declared.name if declared and declared.name else "input0"
    dtype = (declared.dtype if declared else None) or request.options.get("dtype") or "float32"
    return Argument(name, shape, dtype, traced_shape(shape, usual))


def _no_architecture(state: Mapping[str, torch.Tensor], path: Path) -> str:
    fitting = [name for name in nets.names() if _fits(name, state)]
    if fitting:
        return (
            f"{path}: a state dict, weights without a network; name the architecture with --arch: its keys and shapes "
            f"fit {', '.join(fitting)}"
        )
    return (
        f"{path}: a state dict, weights without a network, and of none that is known here "
        f"({', '.join(nets.names())}): save the network as TorchScript, "
        "torch.jit.trace(model.eval(), example).save('model.pt')"
    )


def _fits(name: str, state: Mapping[str, torch.Tensor]) -> bool:
    row = nets.describe(name)
    tensors = _stripped(dict(state), row.head)
    if row.head not in tensors:
        return False
    with torch.device("meta"):
        own = nets.create(name, classes=nets.classes_in(name, tensors)).state_dict()
    shapes = {key: value.shape for key, value in own.items() if not key.endswith(_COUNTER)}
    return shapes == {
        key: value.shape
        for key, value in tensors.items()
        if not key.endswith(_COUNTER) and not key.startswith(row.unused or "\0")
    }


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:_MOST_SHOWN]) + (", ..." if len(keys) > _MOST_SHOWN else "")


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if found := _GLOBAL.search(text):
        return (
            f"holds pickled Python objects ({found.group(1)}), which can run code and are not loaded; save the weights "
            "alone, torch.save(model.state_dict(), 'model.pth'), and name the architecture with --arch, or save "
            "TorchScript, torch.jit.trace(model.eval(), example).save('model.pt')"
        )
    return f"a damaged or truncated PyTorch file ({text[:200] or type(error).__name__})"
