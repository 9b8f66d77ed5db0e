"""From DLR's devices to Belvedere's targets."""

from __future__ import annotations

import warnings

_TARGETS = {"cpu": "cpu", "gpu": "nvidia", "opencl": "intel-gpu"}
_WARNED: set[str] = set()
"""Devices that were warned of in this process: Python's own rule is once a line of the program."""


def target_of(dev_type: str, dev_id: int) -> str:
    """The target for a device type.

    Raises:
        ValueError: there is no such type, or the number is none.
    """
    if dev_type not in _TARGETS:
        raise ValueError(f"unknown dev_type {dev_type!r}: expected one of {', '.join(_TARGETS)}")
    if not isinstance(dev_id, int) or dev_id < 0:
        raise ValueError(f"dev_id must be 0 or more, not {dev_id!r}")
    return _TARGETS[dev_type]


class DeviceWarning(UserWarning):
    """The device that was asked for cannot be had, so the processor is used."""


def warn_of_processor(dev_type: str, reason: Exception) -> None:
    """Warn, where the program made the model, that the processor stands in for a device: once a process and device."""
    if dev_type in _WARNED:
        return
    _WARNED.add(dev_type)
    warnings.warn(f"dev_type '{dev_type}' cannot be had, so the CPU is used: {reason}", DeviceWarning, stacklevel=5)
