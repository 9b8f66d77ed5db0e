"""TensorFlow models: SavedModel folders and frozen graphs."""

from belvedere.compiler.importers.tensorflow.importer import load, probe

__all__ = ["load", "probe"]
