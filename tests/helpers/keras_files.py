"""Writes Keras files without Keras: HDF5 as Keras 2 wrote it, and the zip that came with Keras 2.13."""

from __future__ import annotations

import importlib.util
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

needs_keras = pytest.mark.skipif(
    any(importlib.util.find_spec(package) is None for package in ("keras", "h5py")), reason="needs the [keras] extra"
)
Weights = Mapping[str, Mapping[str, np.ndarray]]


def sequential(*layers: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """The configuration of a Sequential, in the form of Keras 2."""
    named = [
        {"class_name": kind, "config": {"name": f"layer_{index}", "trainable": True, "dtype": "float32"} | settings}
        for index, (kind, settings) in enumerate(layers)
    ]
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": named}}


def taking(*shape: int | None, name: str = "x") -> tuple[str, dict[str, Any]]:
    """An input layer of Keras 2."""
    return "InputLayer", {"batch_input_shape": [None, *shape], "sparse": False, "ragged": False, "name": name}


def hdf5(path: Path, config: Any, weights: Weights | None = None, version: str = "2.4.0") -> Path:
    """Write a ``.h5`` file; weights by layer and name, and a layer that has none may be left out."""
    import h5py

    weights = weights or {}
    layers = [layer["config"]["name"] for layer in _layers(config)]
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = version, "tensorflow"
        if config is not None:
            file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array(layers, "S")
        group.attrs["keras_version"], group.attrs["backend"] = version, "tensorflow"
        for layer in layers:
            own = group.create_group(layer)
            names = [f"{layer}/{name}:0" for name in weights.get(layer, {})]
            own.attrs["weight_names"] = np.array(names, "S")
            for name, array in zip(names, weights.get(layer, {}).values(), strict=True):
                own[name] = array
    return path


def zipped(path: Path, config: Any, members: Mapping[str, bytes] | None = None, *, weights: bool = True) -> Path:
    """Write a ``.keras`` file of a model without weights of its own, with further members."""
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_group("layers")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if config is not None:
            archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0", "date_saved": ""}))
        if weights:
            archive.writestr("model.weights.h5", content.getvalue())
        for name, data in (members or {}).items():
            archive.writestr(name, data)
    return path


def _layers(config: Any) -> list[Any]:
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict | list):
        return []
    inner = config["config"]
    layers = inner if isinstance(inner, list) else inner.get("layers", [])
    return [layer for layer in layers if layer["class_name"] != "InputLayer"]
