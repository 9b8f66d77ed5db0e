"""PyTorch models: TorchScript files, exported programs (``.pt2``), state dicts of known architectures.

torch is imported when a model is loaded, never to look at a file. Nothing is unpickled as code.
"""

from belvedere.compiler.importers.pytorch.importer import load, probe

__all__ = ["load", "probe"]
