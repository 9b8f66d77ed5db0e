"""MXNet: symbol and parameter files, read without MXNet."""

from belvedere.compiler.importers.mxnet.files import probe
from belvedere.compiler.importers.mxnet.importer import load

__all__ = ["load", "probe"]
