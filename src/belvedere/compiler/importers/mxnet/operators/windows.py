"""Kernel, stride, dilation and padding of operators that slide a window over their input."""

from __future__ import annotations

from dataclasses import dataclass

from belvedere.compiler.importers.mxnet.builder import Builder, Tensor
from belvedere.compiler.importers.mxnet.call import Call
from belvedere.compiler.importers.mxnet.shaping import transpose
from belvedere.core.errors import CompileError

_MOST_AXES = 3
_LARGEST = 2**20


@dataclass(frozen=True)
class Window:
    """A sliding window; every tuple has one number for each of its one to three axes."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilate: tuple[int, ...]
    pad: tuple[int, ...]

    @classmethod
    def of(cls, call: Call) -> Window:
        """The window that the attributes describe.

        Raises:
            CompileError: they contradict each other, or are out of range.
        """
        kernel = call.attributes.integers("kernel")
        if not 1 <= len(kernel) <= _MOST_AXES or not all(1 <= size <= _LARGEST for size in kernel):
            raise CompileError(f"its kernel is {list(kernel)}, expected 1 to {_MOST_AXES} positive sizes")
        empty = cls(kernel, (), (), ())
        return cls(
            kernel,
            empty.per_axis(call, "stride", 1),
            empty.per_axis(call, "dilate", 1),
            empty.per_axis(call, "pad", 0),
        )

    @property
    def extent(self) -> tuple[int, ...]:
        """How far the kernel reaches, dilation included."""
        return tuple(step * (size - 1) + 1 for size, step in zip(self.kernel, self.dilate, strict=True))

    def per_axis(self, call: Call, name: str, default: int) -> tuple[int, ...]:
        """An attribute with a number for every axis of the kernel; missing or empty, the default."""
        found = call.attributes.integers(name) or (default,) * len(self.kernel)
        if len(found) != len(self.kernel) or not all(default <= value <= _LARGEST for value in found):
            raise CompileError(f"its {name} {list(found)} does not fit the kernel {list(self.kernel)}")
        return found

    def check(self, data: Tensor, weight: Tensor, *, inside: bool = True) -> None:
        """Raise unless data (batch, channels, ...) and weights fit the window.

        Raises:
            CompileError: another number of axes, a kernel of another size, or (``inside``) an input smaller than it.
        """
        if data.rank != len(self.kernel) + 2:
            raise CompileError(
                f"its kernel {list(self.kernel)} needs an input of {len(self.kernel) + 2} axes, "
                f"given is the shape {list(data.shape)}"
            )
        if weight.rank != data.rank or weight.shape[2:] != self.kernel:
            raise CompileError(f"its weights of shape {list(weight.shape)} do not fit the kernel {list(self.kernel)}")
        sizes = zip(data.shape[2:], self.pad, self.extent, strict=True)
        if inside and any(size + 2 * pad < extent for size, pad, extent in sizes):
            raise CompileError(
                f"its kernel {list(self.kernel)} is larger than its input of shape {list(data.shape)}, padding included"
            )


def channels_first(emit: Builder, tensor: Tensor) -> Tensor:
    """(batch, ..., channels) as (batch, channels, ...)."""
    return transpose(emit, tensor, (0, tensor.rank - 1, *range(1, tensor.rank - 1)))


def channels_last(emit: Builder, tensor: Tensor) -> Tensor:
    """(batch, channels, ...) as (batch, ..., channels)."""
    return transpose(emit, tensor, (0, *range(2, tensor.rank), 1))
