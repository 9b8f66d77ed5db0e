"""Graphs of TensorFlow that may be loaded: they touch no files and run no code of others.

TensorFlow runs parts of a SavedModel when it loads it, and folds constants when it converts it; its own advice is to
treat models as programs (https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md). So only operators that are
known are let through: those that become ONNX, and those below.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from belvedere.core.errors import CompileError

_OF_VARIABLES = frozenset({
    "AnonymousVar", "Assign", "AssignAdd", "AssignAddVariableOp", "AssignSub", "AssignSubVariableOp",
    "AssignVariableOp", "DestroyResourceOp", "DisableCopyOnRead", "IsVariableInitialized", "ReadVariableOp",
    "ResourceGather", "ResourceGatherNd", "ResourceScatterUpdate", "TemporaryVariable", "VarHandleOp",
    "VarIsInitializedOp", "Variable", "VariableShape", "VariableV2",
})  # fmt: skip
# What they read is a checkpoint: the loader puts in the one of this model.
_OF_RESTORERS = frozenset({"RestoreV2", "ShardedFilename", "StringJoin", "StaticRegexFullMatch"})
# Every SavedModel holds these for training on, and no inference needs them.
_OF_SAVERS = frozenset({"Save", "SaveSlices", "SaveV2", "MergeV2Checkpoints"})
# Loops, branches and calls; their parts are checked too.
_OF_CONTROL = frozenset({
    "Case", "ControlTrigger", "Enter", "Exit", "LoopCond", "Merge", "NextIteration", "PartitionedCall", "RefEnter",
    "RefExit", "RefIdentity", "RefMerge", "RefNextIteration", "RefSwitch", "StatefulPartitionedCall", "StatelessCase",
    "Switch",
})  # fmt: skip
_OF_LISTS_AND_TABLES = frozenset({
    "EmptyTensorList", "InitializeTableV2", "LookupTableImportV2", "LookupTableInsertV2", "MutableHashTableV2",
    "TensorArrayCloseV3", "TensorArrayConcatV3", "TensorArrayGatherV3", "TensorArrayReadV3", "TensorArrayScatterV3",
    "TensorArraySizeV3", "TensorArraySplitV3", "TensorArrayV3", "TensorArrayWriteV3", "TensorListConcatV2",
    "TensorListElementShape", "TensorListGather", "TensorListPopBack", "TensorListPushBack", "TensorListSplit",
})  # fmt: skip
# tf2onnx replaces them together with what is around them, or TensorFlow before it.
_OF_PATTERNS = frozenset({
    "Assert", "BroadcastArgs", "GRUBlockCell", "GuaranteeConst", "MatrixSetDiag", "ParallelConcat",
    "PreventGradient", "QuantizeAndDequantizeV2", "QuantizeAndDequantizeV3", "QuantizeAndDequantizeV4",
    "RngReadAndSkip", "ShapeN", "Snapshot", "StatelessRandomGetAlg",
    "StatelessRandomGetKeyCounter", "StatelessRandomGetKeyCounterAlg", "StatelessRandomNormalV2",
    "StatelessRandomUniform", "StatelessRandomUniformV2", "TruncatedNormal", "TruncateMod",
})  # fmt: skip
_KNOWN = _OF_VARIABLES | _OF_RESTORERS | _OF_SAVERS | _OF_CONTROL | _OF_LISTS_AND_TABLES | _OF_PATTERNS


def make_harmless(graph: Any, where: Path, translated: Collection[str]) -> None:
    """Take out what saves variables, and refuse operators that are not known to be harmless.

    Args:
        graph: A GraphDef; it is changed.
        where: The file, for messages.
        translated: Names of the operators that become ONNX.

    Raises:
        CompileError: other operators, all listed.
    """
    functions = {function.signature.name for function in graph.library.function}
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    allowed = _KNOWN.union(translated, functions)  # a function may be called by its name, like an operator
    if found := sorted({node.op for node in nodes if node.op not in allowed}):
        raise CompileError(
            f"{where}: operators that do not become ONNX, and that may read files or run code: {', '.join(found)}"
        )
    for node in nodes:
        if node.op in _OF_SAVERS:
            node.op = "NoOp"
            del node.input[:]
            node.attr.clear()
