"""Keras files."""

from belvedere.compiler.importers.keras.importer import load, probe

__all__ = ["load", "probe"]
