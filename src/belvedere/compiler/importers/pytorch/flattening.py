"""Networks with one flat tuple of tensors as result, which is what exporters take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn


def flattened(
    module: nn.Module, examples: Sequence[torch.Tensor]
) -> tuple[nn.Module, tuple[str, ...], tuple[torch.Tensor, ...]]:
    """Run a network once and wrap it so that it gives the tensors in its result as a flat tuple.

    Args:
        module: Its result is a tensor, or tuples, lists and dictionaries of tensors; other values are left out.
        examples: What to run it on.

    Returns:
        The wrapped network, a name per tensor (the keys of dictionaries, else ``output0``, ``output1``, ...), and the
        tensors that it gave.
    """
    found = list(_leaves(module(*examples), "", ""))
    names: list[str] = []
    for at, (key, _, _) in enumerate(found):
        name = key or f"output{at}"
        names.append(name if name not in names else f"{name}_{at}")
    paths = [path for _, path, _ in found]
    scripted = isinstance(module, torch.jit.ScriptModule)
    wrapped = _scripted(module, len(examples), paths) if scripted and paths else _Traced(module)
    return wrapped, tuple(names), tuple(value.detach().clone() for _, _, value in found)


class _Traced(nn.Module):  # type: ignore[misc]
    """Flattens in Python, where the tracer follows."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(value for _, _, value in _leaves(self.module(*inputs), "", ""))


class _Holder(nn.Module):  # type: ignore[misc]
    """Holds a scripted network; its ``forward`` is written for it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module


def _scripted(module: nn.Module, inputs: int, paths: Sequence[str]) -> nn.Module:
    """Flattens in TorchScript: the tracer does not see into scripted networks, and has no dictionaries."""
    if paths == [""]:
        return module
    holder = torch.jit.script(_Holder(module)).eval()
    arguments = ", ".join(f"x{at}" for at in range(inputs))
    results = ", ".join(f"y{path}" for path in paths)
    holder.define(
        f"def forward(self, {arguments}):\n    y = self.module.forward({arguments})\n    return ({results},)\n"
    )
    flat: nn.Module = holder
    return flat


def _leaves(value: Any, key: str, path: str) -> Iterator[tuple[str, str, torch.Tensor]]:
    """Name, path and value of the tensors in a result."""
    if isinstance(value, torch.Tensor):
        yield key, path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name), f"{path}[{name!r}]")
    elif isinstance(value, tuple | list):
        for at, inner in enumerate(value):
            yield from _leaves(inner, key, f"{path}[{at}]")
