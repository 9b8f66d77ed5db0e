"""Reading programs that ``torch.export.save`` wrote."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from belvedere.compiler.importers.pytorch.container import Kind, check_bounds, kind_of
from belvedere.compiler.importers.pytorch.network import FREE, Argument, Network, traced_shape
from belvedere.compiler.importers.pytorch.program_check import safe_copy
from belvedere.compiler.importers.pytorch.vision_operators import define_vision_operators
from belvedere.compiler.importing import Request
from belvedere.core.errors import CompileError


def open_program(path: Path, request: Request) -> Network:
    """Load an exported program.

    Raises:
        CompileError: damaged, not safe to load (see ``safe_copy``), of a torch before 2.8, or declared with shapes that
            it was not exported for.
        LimitError: see ``check_bounds``.
    """
    check_bounds(path)
    if kind_of(path) is Kind.OLD_PROGRAM:
        raise CompileError(
            f"{path}: an exported program of torch before 2.8, which keeps tensors as pickles; load it there and save "
            "it with a current torch, or save TorchScript"
        )
    define_vision_operators()
    program = _loaded(safe_copy(path), path)
    try:
        module = program.module(check_guards=False)
    except Exception as error:
        raise CompileError(f"{path}: the exported program cannot be restored ({_first_line(error)})") from error
    return Network(
        module=_Evaluated(module),
        arguments=_arguments(program, request, path),
        operators=frozenset(_foreign(program)),
        provenance={"format": "torch.export", "torch": torch.__version__.partition("+")[0]},
    )


class _Evaluated(torch.nn.Module):  # type: ignore[misc]
    """Holds a program's module, which refuses to change its mode: it is as it was exported."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.held = module
        self.training = False

    def train(self, mode: bool = True) -> _Evaluated:  # noqa: ARG002 - torch's signature
        return self

    def forward(self, *inputs: torch.Tensor) -> Any:
        # The check of the inputs, a hook, cannot be traced.
        return self.held.forward(*inputs) if torch.jit.is_tracing() else self.held(*inputs)


def _loaded(content: io.BytesIO, path: Path) -> Any:
    try:
        with _quiet():
            program = torch.export.load(content)
    except KeyError as error:
        raise CompileError(f"{path}: the exported program was written by another version of torch ({error})") from error
    except Exception as error:
        raise CompileError(f"{path}: a damaged exported program ({_first_line(error)})") from error
    return program


@contextmanager
def _quiet() -> Iterator[None]:
    """torch logs the errors that it raises."""
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _arguments(program: Any, request: Request, path: Path) -> tuple[Argument, ...]:
    names = list(program.graph_signature.user_inputs)
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    own = [(name, values[name]) for name in names if isinstance(values.get(name), torch.Tensor)]
    shapes = [tuple(int(n) if isinstance(n, int) else FREE for n in value.shape) for _, value in own]
    listed = ", ".join(
        f"{name} ({'x'.join('?' if n < 0 else str(n) for n in shape)})"
        for (name, _), shape in zip(own, shapes, strict=True)
    )
    declared = request.inputs
    if declared and len(declared) != len(own):
        raise CompileError(f"{path}: {len(declared)} inputs are declared, but the program takes: {listed}")
    arguments = []
    for at, ((name, value), shape) in enumerate(zip(own, shapes, strict=True)):
        wanted = declared[at].shape if declared else shape
        fits = len(wanted) == len(shape) and all(w == s or s == FREE for w, s in zip(wanted, shape, strict=True))
        if not fits:
            raise CompileError(
                f"{path}: input {at} is declared as {'x'.join(map(str, wanted))}, but the program was exported for: "
                f"{listed}; export it for that shape, or with dynamic_shapes"
            )
        own_type = str(value.dtype).removeprefix("torch.")
        arguments.append(
            Argument(
                name=(declared[at].name if declared else None) or name,
                shape=wanted,
                dtype=(declared[at].dtype if declared else None) or own_type,
                traced=traced_shape(wanted),
            )
        )
    return tuple(arguments)


def _foreign(program: Any) -> Iterator[str]:
    for node in program.graph.nodes:
        name = getattr(getattr(node.target, "_schema", None), "name", "")
        if name and not name.startswith(("aten::", "prim::", "prims::")):
            yield name


def _first_line(error: Exception) -> str:
    return next((line.strip()[:300] for line in str(error).splitlines() if line.strip()), type(error).__name__)
