"""What a user asks of a compile run, checked before anything is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from belvedere.compiler.declared import declared_inputs, read_descriptor
from belvedere.compiler.importing import DEFAULT_SIGNATURE, Declared, Request
from belvedere.compiler.literals import read_literal
from belvedere.compiler.pipeline.samples import Samples
from belvedere.compiler.precision import check_precision
from belvedere.core.errors import CompileError, OptionError
from belvedere.runtime.engine_options import ENGINES, TARGETS, check_choice

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, the steps done and the steps in all."""
_LAYOUTS = ("", "NCHW", "NHWC")


@dataclass(frozen=True, eq=False)
class CompileOptions:
    """See ``compile``, whose arguments these are."""

    model: Path
    inputs: tuple[Declared, ...] = ()
    framework: str = "auto"
    outputs: tuple[str, ...] = ()
    precision: str = "f32"
    calibrate: Samples | None = None
    samples: Any = None
    metric: Callable[[Sequence[Any], Sequence[Any]], float] | None = None
    max_drop: float = 0.01
    target: str = "cpu"
    engine: str = "auto"
    arch: str | None = None
    signature: str | None = None
    task: str | None = None
    labels: str | os.PathLike[str] | Sequence[str] | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    scale: float | None = None
    color: str | None = None
    resize: str | None = None
    decoder: str | Mapping[str, Any] | None = None
    dynamic_batch: bool = False
    uint8_input: bool = False
    layout: str = ""
    tolerance: float | None = None
    name: str | None = None
    seconds: float = 2.0
    importing: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = lambda _stage, _done, _total: None

    def __post_init__(self) -> None:
        check_precision(self.precision)
        check_choice("target", self.target, TARGETS)
        check_choice("engine", self.engine, ENGINES)
        check_choice("layout", self.layout, _LAYOUTS)
        if self.precision == "int8" and self.calibrate is None and self.samples is None:
            raise CompileError(
                "int8 needs calibration pictures (--calibrate PICTURES): ranges measured on noise would be worthless"
            )
        if self.tolerance is not None and not self.tolerance > 0:
            raise OptionError(f"tolerance is {self.tolerance}: expected a number above 0")
        if not 0 <= self.max_drop <= 1:
            raise OptionError(f"max_drop is {self.max_drop}: expected 0 to 1")
        if self.metric is not None and self.samples is None:
            raise OptionError("a metric needs labelled samples")


def request_of(options: CompileOptions) -> Request:
    """What the importer is asked for.

    CompilerOptions of SageMaker, ``signature_def_key`` and ``output_names``, say the same as ``signature`` and
    ``outputs``. ONNX is wanted where the target runs nothing else.

    Raises:
        OptionError: both are given, and differ.
    """
    further = dict(options.importing)
    signature = _one("signature", options.signature, further.pop("signature_def_key", None))
    names = further.pop("output_names", None)
    outputs = _one("outputs", options.outputs or None, None if names is None else _names(names)) or ()
    if options.target == "nvidia" or options.engine == "onnxruntime":
        further = {"format": "onnx", **further}
    return Request(options.inputs, outputs, options.arch, signature or DEFAULT_SIGNATURE, further)


_Value = TypeVar("_Value")


def _one(name: str, given: _Value | None, option: _Value | None) -> _Value | None:
    if given is not None and option is not None and given != option:
        raise OptionError(f"{name} is {given!r}, and an option of the framework says {option!r}: say it once")
    return option if given is None else given


def _names(text: str) -> tuple[str, ...]:
    """``["a", "b"]`` or ``a,b``."""
    found = read_literal(text) if text.lstrip().startswith(("[", "(")) else text.split(",")
    if (
        not isinstance(found, Sequence)
        or not found
        or not all(isinstance(name, str) and name.strip() for name in found)
    ):
        raise OptionError(f'output_names is {text!r}: expected names of outputs, such as ["scores", "boxes"]')
    return tuple(name.strip() for name in found)


def read_inputs(value: Any, framework: str) -> tuple[tuple[Declared, ...], str, tuple[str, ...], str | None]:
    """Read declared inputs in any of the forms users have: DataInputConfig, Panorama descriptor, shapes by name.

    Args:
        value: See ``declared.declared_inputs``; or a Panorama model descriptor, as text, JSON values or its path.
        framework: What the user named; ``auto`` lets a descriptor choose.

    Returns:
        Inputs, framework, names of outputs, and the precision that a descriptor names (None elsewhere).

    Raises:
        CompileError: not of these forms.
    """
    value = _content(value)
    text = isinstance(value, str) and "mlModelDescriptor" in value
    if text or (isinstance(value, Mapping) and "mlModelDescriptor" in value):
        found = read_descriptor(value)
        chosen = found.framework if framework == "auto" else framework
        return found.inputs, chosen, found.outputs, found.precision
    return declared_inputs(value), framework, (), None


def _content(value: Any) -> Any:
    """The text of a file, where a path is given."""
    path = value if isinstance(value, os.PathLike) else None
    if isinstance(value, str) and value.lower().endswith(".json") and "\n" not in value and "{" not in value:
        path = Path(value)
    if path is None:
        return value
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CompileError(f"{path}: the declared inputs cannot be read ({error})") from error
