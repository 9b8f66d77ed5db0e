"""Cleaning a network up without changing what it computes: passes of onnx, ONNX Runtime and OpenVINO, and a few own."""

from __future__ import annotations

from belvedere.compiler.passes.clean import Cleaned, clean

__all__ = ["Cleaned", "clean"]
