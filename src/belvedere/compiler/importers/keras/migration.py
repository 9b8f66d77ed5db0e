"""Configurations of Keras 2 made readable for Keras 3, and inputs given their shapes."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Mapping
from typing import Any

HARD_SIGMOID_OF_KERAS_2 = "belvedere_hard_sigmoid_of_keras_2"
_MODELS = frozenset({"Functional", "Sequential", "Model"})
# Left out where they say what Keras 3 does anyway; other values stay, and Keras refuses them by name.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "groups": (1,),
    "ragged": (False,),
    "time_major": (False,),
    "renorm": (False,),
    "renorm_clipping": (None, {}),
    "renorm_momentum": (0.99,),
    "virtual_batch_size": (None,),
    "adjustment": (None,),
    "fused": (None, True, False),
    "implementation": (0, 1, 2),
    "batch_input_shape": (),
    "input_dtype": (),
    "sparse": (False,),
}
_ALWAYS_NEUTRAL = frozenset({"batch_input_shape", "input_dtype"})


def is_keras_2(version: str) -> bool:
    """Whether a file of that version of Keras needs ``migrated``; files of Keras 2 may carry a suffix like -tf."""
    return version.startswith("2.")


def for_inference(config: dict[str, Any]) -> dict[str, Any]:
    """A copy without the parts that only training needs, and in float32 throughout."""
    kept = copy.deepcopy(config)
    kept.pop("compile_config", None)
    _set_float32(kept)
    return kept


def migrated(config: dict[str, Any]) -> dict[str, Any]:
    """A copy of a model's configuration of Keras 2 as Keras 3 writes it; weights need no change."""
    model = copy.deepcopy(config)
    _rename_modules(model)
    _migrate_layer(model)
    return model


def input_layers(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The configurations of a model's input layers, in the model's order; changes to them change the model."""
    inner = config["config"]
    layers = [layer for layer in inner["layers"] if layer.get("class_name") == "InputLayer"]
    if config["class_name"] == "Sequential":
        return [layer["config"] for layer in layers[:1]]
    by_name = {layer["config"]["name"]: layer["config"] for layer in layers}
    return [by_name[name] for name in _referenced(inner["input_layers"]) if name in by_name]


def output_keys(config: dict[str, Any]) -> list[str]:
    """Names of a model's outputs where it puts out a dictionary, in the file's order; else none."""
    outputs = config["config"].get("output_layers")
    return list(outputs) if isinstance(outputs, dict) else []


def takes_channels_first(config: dict[str, Any]) -> bool:
    """Whether some layer of the model, nested ones included, works on channels first."""
    inner = config.get("config")
    if not isinstance(inner, dict):
        return False
    layers = inner.get("layers")
    nested = any(takes_channels_first(layer) for layer in layers) if isinstance(layers, list) else False
    return nested or inner.get("data_format") == "channels_first"


def _migrate_layer(layer: dict[str, Any]) -> None:
    if isinstance(layer["config"], list):  # Sequential before Keras 2.2.3
        layer["config"] = {"name": "sequential", "layers": layer["config"]}
    if layer["class_name"] in _MODELS:
        _migrate_model(layer)
    else:
        _migrate_settings(layer)


def _migrate_model(model: dict[str, Any]) -> None:
    inner = model["config"]
    layers = inner["layers"]
    if model["class_name"] == "Sequential":
        _add_input_layer(layers)
    else:
        model["class_name"] = "Functional"
        nested = {layer["name"] for layer in layers if layer["class_name"] in _MODELS}
        nodes = [node for layer in layers for node in layer.get("inbound_nodes", [])]
        ends = [inner.get("input_layers", []), inner.get("output_layers", [])]
        for reference in [found for part in (*nodes, *ends) for found in _references(part)]:
            # Keras 2 counts the call that built a nested model, Keras 3 does not.
            if reference[0] in nested and reference[1] > 0:
                reference[1] -= 1
    if "module" in model:
        model["module"] = f"keras.src.models.{model['class_name'].lower()}"
    for layer in layers:
        _migrate_layer(layer)


def _add_input_layer(layers: list[dict[str, Any]]) -> None:
    """Give a Sequential its input layer where the first layer carries the shape."""
    if not layers or layers[0]["class_name"] == "InputLayer":
        return
    first = layers[0]["config"]
    shape = first.get("batch_input_shape") if isinstance(first, dict) else None
    if shape is not None:
        settings = {"batch_shape": shape, "dtype": "float32", "name": f"{first.get('name', 'layer')}_input"}
        layers.insert(0, {"class_name": "InputLayer", "config": settings})
        if "module" in layers[1]:
            layers[0] |= {"module": "keras.layers", "registered_name": None}


def _migrate_settings(layer: dict[str, Any]) -> None:
    settings = layer["config"]
    if layer["class_name"] == "InputLayer" and "batch_input_shape" in settings:
        settings["batch_shape"] = settings.pop("batch_input_shape")
    known = _parameters(layer["class_name"])
    for key, neutral in _NEUTRAL.items():
        if key in settings and key not in known and (key in _ALWAYS_NEUTRAL or settings[key] in neutral):
            del settings[key]
    if layer["class_name"].startswith("BatchNormalization"):
        layer["class_name"] = "BatchNormalization"  # BatchNormalizationV1, V2
        axis = settings.get("axis")
        settings["axis"] = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    for key in ("activation", "recurrent_activation"):
        if _is_hard_sigmoid(settings.get(key)):
            settings[key] = HARD_SIGMOID_OF_KERAS_2  # clip(0.2 x + 0.5); Keras 3 has clip(x / 6 + 0.5)
    if isinstance(settings.get("layer"), dict):  # Bidirectional, TimeDistributed
        _migrate_layer(settings["layer"])
    if isinstance(settings.get("backward_layer"), dict):
        _migrate_layer(settings["backward_layer"])


def _is_hard_sigmoid(activation: Any) -> bool:
    return activation == "hard_sigmoid" or (
        isinstance(activation, Mapping) and activation.get("config") == "hard_sigmoid"
    )


def _parameters(class_name: str) -> frozenset[str]:
    """Settings that a layer of Keras 3 takes by name."""
    found = getattr(importlib.import_module("keras").layers, class_name, None)
    return frozenset(inspect.signature(found.__init__).parameters) if found is not None else frozenset()


def _references(value: Any) -> list[list[Any]]:
    """References ``[layer, node, tensor, ...]`` anywhere in a node of Keras 2."""
    if not isinstance(value, list):
        return [found for part in value.values() for found in _references(part)] if isinstance(value, dict) else []
    if len(value) >= 3 and isinstance(value[0], str) and all(isinstance(number, int) for number in value[1:3]):
        return [value, *(found for part in value[3:] for found in _references(part))]
    return [found for part in value for found in _references(part)]


def _referenced(value: Any) -> list[str]:
    return [reference[0] for reference in _references(value)]


def _rename_modules(value: Any) -> None:
    """``tf_keras.layers`` and ``tensorflow.keras.layers`` become ``keras.layers``."""
    if isinstance(value, dict):
        module = value.get("module")
        if isinstance(module, str):
            for old in ("tf_keras", "tensorflow.keras", "tensorflow.python.keras"):
                if module == old or module.startswith(f"{old}."):
                    value["module"] = f"keras{module[len(old) :]}"
        for part in value.values():
            _rename_modules(part)
    elif isinstance(value, list):
        for part in value:
            _rename_modules(part)


def _set_float32(value: Any) -> None:
    """Replace policies of mixed precision, which would compute in float16."""
    if isinstance(value, dict):
        policy = value.get("dtype")
        name = policy.get("config", {}).get("name") if isinstance(policy, dict) else policy
        if isinstance(name, str) and name.startswith("mixed_"):
            value["dtype"] = "float32"
        elif isinstance(policy, dict) and policy.get("class_name") == "Policy":  # of Keras 2
            value["dtype"] = name
        for part in value.values():
            _set_float32(part)
    elif isinstance(value, list):
        for part in value:
            _set_float32(part)
