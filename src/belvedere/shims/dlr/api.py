"""``DLRModel``: what programs make and call."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from .neologger import create_logger  # noqa: TID252

_Given = ParamSpec("_Given")
_Got = TypeVar("_Got")


class IDLRModel(abc.ABC):
    """What every model can be asked for."""

    @abc.abstractmethod
    def get_input_names(self) -> list[str]:
        """Names of the inputs, in the model's order."""

    @abc.abstractmethod
    def get_input(self, name: str, shape: Any = None) -> Any:
        """What an input was set to last."""

    @abc.abstractmethod
    def get_output_names(self) -> list[str]:
        """Names of the outputs, in the model's order."""

    @abc.abstractmethod
    def get_version(self) -> str:
        """Version of the runtime."""

    @abc.abstractmethod
    def run(self, input_data: Any) -> list[Any]:
        """Run inference; returns a list of arrays."""


class DLRModel(IDLRModel):
    """A compiled model.

    Args:
        model_path: An artifact: its folder, its archive, or a folder that holds the archive; or a list of files.
        dev_type: ``cpu`` (also for None), ``gpu`` or ``opencl``. Where there is no such device the model runs on the
            processor and says so once.
        dev_id: Number of the device; only the first one is used.
        error_log_file: File that errors are appended to.
        use_default_dlr: Accepted and not needed: no machine code of a model folder is ever loaded.

    Raises:
        ValueError: there is nothing at ``model_path``, two models, or an unknown device.
        DLRError: what is there cannot be run; the message tells what to do.
    """

    def __init__(
        self,
        model_path: Any,
        dev_type: str | None = None,
        dev_id: int | None = 0,
        error_log_file: str | None = None,
        use_default_dlr: bool = False,
    ) -> None:
        from .dlr_model import DLRModelImpl  # noqa: TID252

        self.neo_logger = create_logger(log_file=error_log_file)
        try:
            self._impl = DLRModelImpl(model_path, dev_type or "cpu", dev_id or 0, error_log_file, use_default_dlr)
        except Exception as error:
            self.neo_logger.exception(f"error in DLRModel instantiation {error}")  # noqa: G004, TRY401
            raise

    def run(self, input_values: Any) -> list[Any]:
        """Run inference.

        Args:
            input_values: An array for the first input, or input name to array. An input that is not given keeps its
                last value. Arrays may have another shape than the input, with the same number of elements; a float32
                input takes any numbers.

        Returns:
            Output arrays in the model's order; always a list.

        Raises:
            ValueError: an unknown input name, a type that does not fit, or an input that was never given.
            DLRError: the model failed, or a tensor has the wrong size.
        """
        return self._logged("running inference", self._impl.run, input_values)

    def get_input_names(self) -> list[str]:
        """Names of the inputs, in the model's order."""
        return self._logged("getting input names", self._impl.get_input_names)

    def get_input(self, name: str, shape: Any = None) -> Any:
        """What an input was set to last, in ``shape`` where given. Raises ValueError if it was never set."""
        return self._logged("getting inputs", self._impl.get_input, name, shape)

    def get_output_names(self) -> list[str]:
        """Names of the outputs, in the model's order."""
        return self._logged("getting output names", self._impl.get_output_names)

    def get_version(self) -> str:
        """Version of the runtime."""
        return self._logged("getting version", self._impl.get_version)

    def has_metadata(self) -> bool:
        """Whether names and types of outputs are known: always."""
        return self._logged("checking for metadata file", self._impl.has_metadata)

    def get_input_dtypes(self) -> list[str]:
        """NumPy names of the inputs' types."""
        return self._logged("getting input data types", self._impl.get_input_dtypes)

    def get_output_dtypes(self) -> list[str]:
        """NumPy names of the outputs' types."""
        return self._logged("getting output data types", self._impl.get_output_dtypes)

    def get_input_name(self, index: int) -> str:
        """Name of one input. Raises Exception for an index that there is not."""
        return self._logged("getting input name", self._impl.get_input_name, index)

    def get_output_name(self, index: int) -> str:
        """Name of one output. Raises Exception for an index that there is not."""
        return self._logged("getting output name", self._impl.get_output_name, index)

    def get_input_dtype(self, index: int) -> str:
        """NumPy name of one input's type. Raises Exception for an index that there is not."""
        return self._logged("getting input data type", self._impl.get_input_dtype, index)

    def get_output_dtype(self, index: int) -> str:
        """NumPy name of one output's type. Raises Exception for an index that there is not."""
        return self._logged("getting output data type", self._impl.get_output_dtype, index)

    def _logged(self, doing: str, call: Callable[_Given, _Got], *given: _Given.args, **named: _Given.kwargs) -> _Got:
        try:
            return call(*given, **named)
        except Exception as error:
            self.neo_logger.exception(f"error in {doing} {type(self._impl).__name__} {error}")  # noqa: G004, TRY401
            raise
