"""Which configurations are Keras's own: everything else is refused before Keras sees it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from belvedere.core.errors import CompileError

# These run code from the file, or load other files.
_UNSAFE = frozenset(
    {"Lambda", "TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty", "__lambda__",
     "__typespec__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
)  # fmt: skip
_VALUES = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"})
_MODELS = frozenset({"Functional", "Sequential", "Model"})
_NAMESPACES = ("layers", "initializers", "regularizers", "constraints", "dtype_policies", "quantizers", "activations")
_FUNCTIONS = ("activations", "initializers", "regularizers", "constraints", "ops")
_OPERATIONS = re.compile(r"keras\.(src\.)?ops(\.\w+)?")
_DEEPEST = 200
_MOST_LISTED = 20


def check_known(config: dict[str, Any], where: Path) -> None:
    """Refuse a configuration with a layer, function or object that is not Keras's own.

    Raises:
        CompileError: Lambda or custom layers, all listed; nested too deep.
    """
    keras = importlib.import_module("keras")
    unknown = list(dict.fromkeys(_unknown(config, keras, _DEEPEST, where)))
    if unknown:
        listed = ", ".join(unknown[:_MOST_LISTED]) + (" ..." if len(unknown) > _MOST_LISTED else "")
        raise CompileError(
            f"{where}: Lambda and custom layers are not read, because they need code of their author: {listed}. "
            "Export the model as a SavedModel where that code is at hand (model.export(folder)) and compile that"
        )


def _unknown(value: Any, keras: ModuleType, depth: int, where: Path) -> Iterator[str]:
    if depth < 0:
        raise CompileError(f"{where}: its configuration is nested more than {_DEEPEST} levels deep")
    if isinstance(value, dict):
        if "class_name" in value and not _is_known(value, keras):
            inner = value.get("config")
            name = inner.get("name") if isinstance(inner, dict) else inner
            yield f"{value['class_name']} '{str(name or value.get('name', ''))[:60]}'"
        for part in value.values():
            yield from _unknown(part, keras, depth - 1, where)
    elif isinstance(value, list):
        for part in value:
            yield from _unknown(part, keras, depth - 1, where)


def _is_known(entry: dict[str, Any], keras: ModuleType) -> bool:
    name, module, registered = entry["class_name"], entry.get("module"), entry.get("registered_name")
    if not isinstance(name, str) or name in _UNSAFE or (isinstance(registered, str) and ">" in registered):
        return False
    if name in _VALUES or (name in _MODELS and _of_keras(module)):
        return True
    if name == "function":
        return (module == "builtins" or _of_keras(module)) and _is_function(entry.get("config"), keras)
    if not _of_keras(module):
        return False
    if isinstance(module, str) and _OPERATIONS.fullmatch(module):
        found = getattr(importlib.import_module(module), name, None)
        return isinstance(found, type) and issubclass(found, keras.Operation)
    return any(isinstance(getattr(getattr(keras, space), name, None), type) for space in _NAMESPACES)


def _is_function(name: Any, keras: ModuleType) -> bool:
    return isinstance(name, str) and any(
        not name.startswith("_") and callable(getattr(getattr(keras, space), name, None)) for space in _FUNCTIONS
    )


def _of_keras(module: Any) -> bool:
    return module is None or (isinstance(module, str) and module.split(".", maxsplit=1)[0] == "keras")
