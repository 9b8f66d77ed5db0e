"""TFLite models."""

from belvedere.compiler.importers.tflite.importer import load, probe

__all__ = ["load", "probe"]
