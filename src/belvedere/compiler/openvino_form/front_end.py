"""OpenVINO's readers of foreign models: loading, shapes before conversion, and operators they do not know."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belvedere.compiler.declared_ports import Bound, Own
from belvedere.compiler.isolation.worker import reason
from belvedere.compiler.openvino_form.ports import dtype_of, shape_of
from belvedere.core.errors import CompileError
from belvedere.runtime.engine_imports import import_openvino

if TYPE_CHECKING:
    import openvino

_FAILURES = (
    "GeneralFailure",
    "InitializationFailure",
    "NotImplementedFailure",
    "OpConversionFailure",
    "OpValidationFailure",
)

_FIRST_UNTRANSLATED = "No translator found for"
_UNTRANSLATED = re.compile(r"No conversion rule found for operations:\s*([^\n]+)")


class FrontEnd:
    """A model that OpenVINO has loaded and not converted yet.

    Args:
        kind: ``tf`` or ``tflite``.
        path: The file or folder.

    Raises:
        CompileError: OpenVINO refuses it.
    """

    def __init__(self, kind: str, path: Path) -> None:
        import_openvino()
        self._path = path
        frontend = importlib.import_module("openvino.frontend")
        self._failures = (RuntimeError, *(getattr(frontend, name) for name in _FAILURES))
        self._reader: Any = frontend.FrontEndManager().load_by_framework(kind)
        try:
            self.model = self._reader.load(str(path))
        except self._failures as error:
            raise CompileError(f"{path}: OpenVINO cannot read it ({reason(error)})") from error

    def inputs(self) -> list[tuple[Own, Any]]:
        """The graph's inputs, each with its place."""
        found = []
        for place in self.model.get_inputs():
            own = Own(
                place.get_names()[0],
                shape_of(self.model.get_partial_shape(place)),
                dtype_of(self.model.get_element_type(place)),
            )
            found.append((own, place))
        return found

    def set_shapes(self, bound: Sequence[Bound], places: dict[str, Any]) -> None:
        """Tell the declared shapes before conversion, where the graph does not even fix the number of axes."""
        openvino = import_openvino()
        for entry in bound:
            if entry.shape is not None:
                self.model.set_partial_shape(places[entry.own.name], openvino.PartialShape(list(entry.shape)))

    def convert(self, operators: Mapping[str, str] | None = None) -> openvino.Model:
        """Convert the model.

        Args:
            operators: The operator of each node by the node's name, for a reader whose message does not list all
                that it does not know.

        Raises:
            CompileError: operators that OpenVINO does not translate, all listed, or shapes that do not fit.
        """
        try:
            return self._reader.convert(self.model)
        except self._failures as error:
            told = _UNTRANSLATED.search(str(error))
            unknown = [told.group(1)] if told else []
            if _FIRST_UNTRANSLATED in str(error):
                unknown = self._unknown_operators(operators or {})
            if unknown:
                listed = ", ".join(unknown)
                raise CompileError(f"{self._path}: operators that cannot be translated: {listed}") from error
            raise CompileError(f"{self._path}: OpenVINO cannot convert it ({reason(error)})") from error

    def _unknown_operators(self, operators: Mapping[str, str]) -> list[str]:
        """Operators that a partial conversion leaves over, each with some of its nodes."""
        try:
            partial = self._reader.convert_partially(self.model)
        except self._failures:
            return []
        nodes: dict[str, list[str]] = {}
        for node in partial.get_ops():
            if node.get_type_name().endswith("FrameworkNode"):
                name = node.get_friendly_name()
                nodes.setdefault(operators.get(name, "unknown"), []).append(name)
        return [f"{kind} (node {', '.join(sorted(names)[:3])})" for kind, names in sorted(nodes.items())]
