"""Importer of Darknet networks: cfg and weights of the YOLO family and of classifiers, to ONNX.

Written after the formats of importers.md (sections 2 and 10) and the layers of https://github.com/pjreddie/darknet and
https://github.com/AlexeyAB/darknet; no Darknet is needed.
"""

from __future__ import annotations

from belvedere.compiler.importers.darknet.files import probe
from belvedere.compiler.importing import Imported, Request, Source

__all__ = ["load", "probe"]


def load(source: Source, request: Request) -> Imported:
    """Read a Darknet network; ``importer.load`` says what it takes and gives."""
    from belvedere.compiler.importers.darknet import importer  # with onnx, which probing does not need

    return importer.load(source, request)
