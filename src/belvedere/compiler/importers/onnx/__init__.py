"""ONNX models, opset 7 to current, with or without external data."""

from belvedere.compiler.importers.onnx.importer import external_folder, load, probe

__all__ = ["external_folder", "load", "probe"]
