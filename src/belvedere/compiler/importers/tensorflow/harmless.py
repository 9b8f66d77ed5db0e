"""Graphs of TensorFlow that may be loaded: they touch no files and run no code of others.

TensorFlow runs parts of a SavedModel when it loads it, and folds constants when it converts it; its own advice is to
treat models as programs (https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from belvedere.core.errors import CompileError

_FORBIDDEN = re.compile(
    r"ReadFile|WriteFile|MatchingFiles|PrintV2|(Eager)?PyFunc(Stateless)?|ImmutableConst|LoadAndRemapMatrix|"
    r"GenerateVocabRemapping|Save|SaveSlices|Debug\w+|CreateSummary\w+|\w+Reader(V\d)?|\w*Dataset(V\d)?"
)
# Every SavedModel holds these for training on, and no inference needs them.
_OF_SAVERS = frozenset({"SaveV2", "MergeV2Checkpoints"})


def make_harmless(graph: Any, where: Path) -> None:
    """Take out what saves variables, and refuse other operators that touch files or run code.

    Args:
        graph: A GraphDef; it is changed.
        where: The file, for messages.

    Raises:
        CompileError: such operators, all listed.
    """
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    if found := sorted({node.op for node in nodes if _FORBIDDEN.fullmatch(node.op)}):
        raise CompileError(f"{where}: operators that read or write files or run code: {', '.join(found)}")
    for node in nodes:
        if node.op in _OF_SAVERS:
            node.op = "NoOp"
            del node.input[:]
            node.attr.clear()
