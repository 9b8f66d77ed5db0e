"""Importing a model with everything that belongs to it in memory."""

from __future__ import annotations

from belvedere.compiler.detect import choose_importer
from belvedere.compiler.importers.onnx import external_folder
from belvedere.compiler.importing import Imported, Request, Source
from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.storage import read_external


def import_whole(source: Source, framework: str, request: Request) -> Imported:
    """Import a model; tensors of one over 2 GB, which its importer leaves in their files, are read as well.

    Args:
        source: The opened source.
        framework: A framework's name, or ``auto``.
        request: What the user said.

    Raises:
        CompileError: see ``Importer.load``.
        LimitError: a size over the limits.
        MissingExtraError: reading it needs a package that is not installed.
    """
    _, importer = choose_importer(source, framework)
    imported = importer.load(source, request)
    if imported.framework == "onnx" and is_onnx(imported.network):
        read_external(imported.network, external_folder(source))
    return imported
