"""Matching the inputs that a user declares with those of the graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from belvedere.compiler.importing import Declared
from belvedere.core.errors import CompileError

_SERVING = "serving_default_"
_PICTURE_AXES = 4


@dataclass(frozen=True)
class Own:
    """An input as the graph has it.

    Attributes:
        name: Its name, as users would write it.
        shape: -1 where an axis is free; None where not even the number of axes is known.
        dtype: NumPy name of the element type.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str


@dataclass(frozen=True)
class Bound:
    """An input as the finished network has it.

    Attributes:
        own: The graph's input.
        name: Its name in the finished network.
        shape: Shape in the graph's own layout; None leaves the graph's.
        dtype: NumPy name of the element type that is fed.
        nchw: Whether the finished network takes channels first where the graph has them last.
    """

    own: Own
    name: str
    shape: tuple[int, ...] | None
    dtype: str
    nchw: bool = False


def bare(name: str) -> str:
    """A tensor's name as users write it: without ``serving_default_`` in front and ``:0`` behind."""
    return name.removeprefix(_SERVING).removesuffix(":0")


def declared_inputs(job: Iterable[dict[str, Any]]) -> tuple[Declared, ...]:
    """Declared inputs from the JSON of a job; see ``declared_as_json``."""
    return tuple(Declared(entry["name"], tuple(entry["shape"]), entry["dtype"]) for entry in job)


def declared_as_json(declared: Iterable[Declared]) -> list[dict[str, Any]]:
    """Declared inputs for the JSON of a job."""
    return [{"name": entry.name, "shape": list(entry.shape), "dtype": entry.dtype} for entry in declared]


def bind(
    own: Sequence[Own], declared: Sequence[Declared], where: Path, *, channels_first: bool = False
) -> tuple[tuple[Bound, ...], tuple[str, ...]]:
    """Match declared inputs with the graph's, by name or, where they have none, by position.

    A name may be written with ``serving_default_`` and ``:0`` or without. A single declared input names the single
    input of a graph whatever that is called.

    Args:
        own: The graph's inputs.
        declared: What the user declared; they come first in the result, in their order.
        where: The file, for messages.
        channels_first: Whether four declared axes mean N, C, H, W while the graph has N, H, W, C (the rule for
            Keras files). Where only the reading as N, H, W, C fits, that one is taken, with a note.

    Returns:
        The bound inputs, and notes for the user.

    Raises:
        CompileError: unknown or missing names, shapes that do not fit, lossy element types: all faults at once.
    """
    faults: list[str] = []
    notes: list[str] = []
    bound: list[Bound] = []
    left = list(own)
    for position, entry in enumerate(declared):
        match = _match(entry, position, own, declared)
        if match is None or match not in left:
            faults.append(f"there is no input '{entry.name if entry.name is not None else position}'")
            continue
        left.remove(match)
        if entry.name is not None and bare(entry.name) != bare(match.name):
            notes.append(f"the model's only input '{match.name}' is now called '{entry.name}', as declared")
        shape, nchw, fault, note = _reading(entry, match, channels_first=channels_first)
        faults += [fault] if fault else []
        notes += [note] if note else []
        dtype = entry.dtype or match.dtype
        if not np.can_cast(dtype, match.dtype, "safe"):
            faults.append(f"input '{match.name}' has elements of type {match.dtype}, which {dtype} does not fit")
        bound.append(Bound(match, entry.name or bare(match.name), shape, dtype, nchw))
    faults += [
        f"input '{entry.own.name}' has no shape in the file: declare it"
        for entry in [*bound, *(Bound(entry, "", None, "") for entry in left)]
        if entry.shape is None and entry.own.shape is None
    ]
    if faults:
        listed = ", ".join(f"{bare(entry.name)} {_shape_text(entry.shape)} {entry.dtype}" for entry in own)
        raise CompileError(f"{where}: {'; '.join(faults)}. The model's inputs: {listed or 'none'}")
    if declared and left:
        names = ", ".join(f"'{bare(entry.name)}'" for entry in left)
        notes.append(f"inputs that were not declared keep the model's own shape: {names}")
    bound += [Bound(entry, bare(entry.name), None, entry.dtype) for entry in left]
    return tuple(bound), tuple(notes)


def _match(entry: Declared, position: int, own: Sequence[Own], declared: Sequence[Declared]) -> Own | None:
    if entry.name is None:
        return own[position] if position < len(own) else None
    exact = [candidate for candidate in own if candidate.name == entry.name]
    found = exact or [candidate for candidate in own if bare(candidate.name) == bare(entry.name)]
    if found:
        return found[0]
    return own[0] if len(own) == len(declared) == 1 else None


def _reading(
    entry: Declared, own: Own, *, channels_first: bool
) -> tuple[tuple[int, ...], bool, str | None, str | None]:
    """The declared shape in the graph's layout, whether it was turned, and a fault or a note."""
    shape = entry.shape
    if channels_first and len(shape) == _PICTURE_AXES and own.shape is not None:
        turned = (shape[0], shape[2], shape[3], shape[1])
        if _fits(turned, own.shape):
            return turned, True, None, None
        if _fits(shape, own.shape):
            said = f"input '{own.name}' was declared as {_shape_text(shape)}, channels last: the network takes it so"
            return shape, False, None, f"{said}; NCHW is the rule for Keras models"
        expected = _shape_text(tuple(own.shape[axis] for axis in (0, 3, 1, 2)) if len(own.shape) > 3 else own.shape)
        fault = f"input '{own.name}' has wrong shape {_shape_text(shape)}; expected NCHW format, {expected}"
        return shape, False, fault, None
    if own.shape is None or _fits(shape, own.shape):
        return shape, False, None, None
    return shape, False, f"input '{own.name}' cannot have the shape {_shape_text(shape)}", None


def _fits(shape: Sequence[int], own: Sequence[int]) -> bool:
    return len(shape) == len(own) and all(-1 in (new, old) or new == old for new, old in zip(shape, own, strict=True))


def _shape_text(shape: Sequence[int] | None) -> str:
    return "of any rank" if shape is None else f"[{', '.join('?' if axis < 0 else str(axis) for axis in shape)}]"
