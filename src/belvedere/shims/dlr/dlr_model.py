"""The model behind ``DLRModel``: one of Belvedere's artifacts with DLR's calls."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from belvedere.core.errors import BelvedereError, EngineError
from belvedere.runtime import Artifact, Model

from .api import IDLRModel  # noqa: TID252
from .devices import target_of, warn_of_processor  # noqa: TID252
from .files import artifact_path  # noqa: TID252
from .lookout import class_scores  # noqa: TID252


class DLRError(Exception):
    """Error thrown by DLR."""


class DLRModelImpl(IDLRModel):
    """See ``dlr.DLRModel``."""

    backend = "belvedere"

    def __init__(
        self,
        model_path: str | os.PathLike[str] | Sequence[str],
        dev_type: str = "cpu",
        dev_id: int = 0,
        error_log_file: str | None = None,
        use_default_dlr: bool = False,
    ) -> None:
        del error_log_file, use_default_dlr
        try:
            path = artifact_path(model_path)
            self._model = _opened(path, dev_type, dev_id)
        except BelvedereError as error:
            raise DLRError(str(error)) from error
        manifest = self._model.artifact.manifest
        self.model_path = os.fspath(path)
        self.version = _version()
        self.input_names = [taken.name for taken in manifest.inputs]
        self.input_dtypes = [str(taken.dtype) for taken in manifest.inputs]
        self.output_names = [given.name for given in manifest.outputs]
        self.output_dtypes = [str(given.dtype) for given in manifest.outputs]
        self.num_inputs, self.num_outputs = len(self.input_names), len(self.output_names)
        self.weight_names: list[str] = []
        self._shapes = {name: port.shape for name, port in self._model.engine.inputs.items()}
        self._values: dict[str, np.ndarray] = {}
        self._outputs: list[np.ndarray] = []

    def get_input_names(self) -> list[str]:
        """See ``dlr.DLRModel``, as are the others."""
        return list(self.input_names)

    def get_output_names(self) -> list[str]:
        """Names of the outputs."""
        return list(self.output_names)

    def get_input_dtypes(self) -> list[str]:
        """NumPy names of the inputs' types."""
        return list(self.input_dtypes)

    def get_output_dtypes(self) -> list[str]:
        """NumPy names of the outputs' types."""
        return list(self.output_dtypes)

    def get_input_name(self, index: int) -> str:
        """Name of one input."""
        return _at(self.input_names, index)

    def get_output_name(self, index: int) -> str:
        """Name of one output."""
        return _at(self.output_names, index)

    def get_input_dtype(self, index: int) -> str:
        """NumPy name of one input's type."""
        return _at(self.input_dtypes, index)

    def get_output_dtype(self, index: int) -> str:
        """NumPy name of one output's type."""
        return _at(self.output_dtypes, index)

    def get_version(self) -> str:
        """Version of DLR whose calls these are."""
        return self.version

    def has_metadata(self) -> bool:
        """Artifacts always tell names and types."""
        return True

    def get_input(self, name: str, shape: Any = None) -> np.ndarray:
        """A copy of what an input was set to last."""
        self._check_name(name)
        if name not in self._values:
            if shape is None:
                raise ValueError(
                    f"Since set_input() was never called with input {name}, we cannot infer its shape. "
                    "Shape parameter should be explicitly specified"
                )
            return np.zeros(shape, self._dtype(name))
        value = self._values[name].copy()
        return value if shape is None else value.reshape(shape)

    def run(self, input_values: Any) -> list[np.ndarray]:
        """Run inference; always a list."""
        if isinstance(input_values, (np.ndarray, np.generic)):
            input_values = {self.input_names[0]: np.asarray(input_values)}
        elif not isinstance(input_values, dict):
            raise ValueError(  # noqa: TRY004  DLR's own
                "input_values must be of type dict (tvm model) or a np.ndarray/generic (representing treelite models)"
            )
        for name, value in input_values.items():
            self._check_name(name)
            self._set_input(name, np.asarray(value))
        missing = [name for name in self.input_names if name not in self._values]
        if missing:
            raise ValueError(f"input {', '.join(missing)} was never given: this model takes {self._described()}")
        try:
            found = self._model.run(self._values)
        except BelvedereError as error:
            raise DLRError(str(error)) from error
        self._outputs = class_scores(self._model.artifact.manifest, found)
        return list(self._outputs)

    def _check_name(self, name: str) -> None:
        if name not in self.input_names:
            raise ValueError(f"{name} is not a valid input name.")

    def _set_input(self, name: str, data: np.ndarray) -> None:
        dtype = self._dtype(name)
        if dtype != "float32" and data.dtype.name != dtype:
            raise ValueError(f"input data with name {name} should have dtype {dtype} but {data.dtype.name} is provided")
        # A copy, as in DLR: what the program does to its array afterwards changes nothing here.
        self._values[name] = self._shaped(name, np.array(data, dtype=dtype, order="C"))

    def _shaped(self, name: str, data: np.ndarray) -> np.ndarray:
        """The data in the input's shape: as in DLR only the number of elements has to be right."""
        shape = self._shapes[name]
        fits = len(shape) == data.ndim and all(axis in (-1, size) for axis, size in zip(shape, data.shape, strict=True))
        if fits or -1 in shape:
            return data
        if data.size != int(np.prod(shape)):
            raise DLRError(
                f"Mismatch found in input data size. Expected {list(shape)} for input {name}, got {list(data.shape)}"
            )
        return data.reshape(shape)

    def _dtype(self, name: str) -> str:
        return self.input_dtypes[self.input_names.index(name)]

    def _described(self) -> str:
        return ", ".join(f"{name} {self._dtype(name)} {list(self._shapes[name])}" for name in self.input_names)

    def _get_output_size_dim(self, index: int) -> tuple[int, int]:
        """Number of elements and of axes of an output; -1 before the first run where axes are free."""
        if not 0 <= index < self.num_outputs:
            raise ValueError(f"index is expected between 0 and len(output_shapes)-1, but got {index}")
        shape = self._outputs[index].shape if self._outputs else self._model.artifact.manifest.outputs[index].shape
        return int(np.prod(shape)) if -1 not in shape else -1, len(shape)


def _opened(path: Path, dev_type: str, dev_id: int) -> Model:
    """The model with its engine open, on the device that was asked for, else on the processor."""
    target = target_of(dev_type, dev_id)
    artifact = Artifact.load(path)
    if target != "cpu":
        model = Model(artifact, target=target)
        try:
            assert model.engine
        except EngineError as error:
            model.close()
            warn_of_processor(dev_type, error)
        else:
            return model
    model = Model(artifact, target="cpu")
    assert model.engine  # a model that cannot run is refused now, as DLR does
    return model


def _at(values: list[str], index: int) -> str:
    if not 0 <= index < len(values):
        raise Exception(f"Index cannot be greater than {len(values) - 1}")  # noqa: TRY002  DLR's own
    return values[index]


def _version() -> str:
    from . import __version__  # noqa: TID252

    return __version__
