"""Making an exported program (``.pt2``) safe to load.

``torch.export.load`` trusts its file: it unpickles objects, evaluates expressions of sizes, executes guards, and writes
names into Python code that it then runs. So the file is written anew with nothing but raw tensors and a graph of known
operators, in which every text has been checked; what does not fit is refused.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from belvedere.compiler.importers.pytorch.container import ZIP_DAMAGE
from belvedere.core.errors import CompileError

_LARGEST_GRAPH = 256 * 1024**2
_DEEPEST = 200
_LONGEST_EXPRESSION = 2000

_KEPT = re.compile(
    r"(?:archive_format|archive_version|byteorder|version|\.data/\w+|\.format_version|\.storage_alignment"
    r"|data/weights/(?:weight_\d+|model_weights_config\.json)"
    r"|data/constants/(?:tensor_\d+|model_constants_config\.json)"
    r"|data/sample_inputs/model\.pt|models/model\.json)"
)
_DROPPED = re.compile(r"extra/.*|.*/")
_TARGET = re.compile(
    r"torch\.ops\.(?:aten|prims|torchvision)\.\w+(?:\.\w+)?|torch\.ops\.higher_order\.(?:cond|while_loop)"
    r"|_operator\.(?:add|sub|mul|truediv|floordiv|mod|pow|neg|getitem|eq|ne|lt|le|gt|ge|and_|or_|not_|pos|abs)"
    r"|math\.(?:ceil|floor|sqrt|trunc)|torch\.sym_(?:float|int|ite|max|min|not|sum)"
)
_WORD = re.compile(r"[\w.+:-]*")
_TREE_TYPES = frozenset({None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"})
_FREE_TEXT = frozenset({"as_string", "as_strings"})  # constants of operators, which end up quoted
_CONSTRUCTORS = (
    "Symbol Integer Float Rational Add Mul Pow Max Min Mod FloorDiv CeilDiv CleanDiv PythonMod IntTrueDiv FloatTrueDiv "
    "ModularIndexing CeilToInt FloorToInt TruncToInt ToFloat Eq Ne Lt Le Gt Ge StrictLessThan LessThan GreaterThan "
    "StrictGreaterThan Equality Unequality And Or Not BooleanTrue BooleanFalse Where RoundToInt Abs"
)
_EXPRESSION_CALLS = frozenset(_CONSTRUCTORS.split())
_EXPRESSION_NODES = (
    ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.BinOp, ast.UnaryOp, ast.USub,
    ast.UAdd, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.Compare, ast.Eq, ast.NotEq,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip


def safe_copy(path: Path) -> io.BytesIO:
    """The program, rewritten.

    Raises:
        CompileError: damaged, or with anything but raw tensors and operators of torch.
    """
    target = io.BytesIO()
    try:
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as copy:
            for info in source.infolist():
                root, _, inner = info.filename.partition("/")
                if _DROPPED.fullmatch(inner) or not inner:
                    continue
                if not _KEPT.fullmatch(inner):
                    raise _refused(path, f"it has a member {inner!r}, such as compiled code or pickled objects")
                content = source.read(info)
                if inner.endswith(".json"):
                    content = _checked_json(inner, content, path)
                elif inner.endswith(".pt"):
                    content = _no_examples()
                copy.writestr(f"{root}/{inner}", content)
    except ZIP_DAMAGE as error:
        raise CompileError(f"{path}: a damaged or truncated exported program ({error})") from error
    target.seek(0)
    return target


def _checked_json(name: str, content: bytes, path: Path) -> bytes:
    if len(content) > _LARGEST_GRAPH:
        raise _refused(path, f"{name} has {len(content)} bytes")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CompileError(f"{path}: a damaged exported program ({name} is not JSON)") from error
    if not isinstance(value, dict):
        raise CompileError(f"{path}: a damaged exported program ({name} is no object)")
    if name.endswith("_config.json"):
        for key, entry in (value.get("config") or {}).items():
            if not isinstance(entry, dict) or entry.get("use_pickle"):
                raise _refused(path, f"the tensor {str(key)[:60]!r} is pickled")
    else:
        value["guards_code"] = []
    return json.dumps(_checked(value, "", path, 0)).encode()


def _checked(value: Any, key: str, path: Path, depth: int) -> Any:
    """The value with what only describes the source code left out; raises for texts that could become code."""
    if depth > _DEEPEST:
        raise _refused(path, "its graph is nested too deep")
    if isinstance(value, dict):
        for name in value:
            _check_word(name, path)
        return {
            name: ({} if name == "metadata" else _checked(inner, name, path, depth + 1))
            for name, inner in value.items()
            if name != "as_custom_obj" or _raise_refused(path, "it holds custom objects")
        }
    if isinstance(value, list):
        return [_checked(inner, key, path, depth + 1) for inner in value]
    if isinstance(value, str):
        _check_text(key, value, path)
    return value


def _check_text(key: str, text: str, path: Path) -> None:
    if key in _FREE_TEXT:
        return
    if key in ("target", "as_operator"):
        if not _TARGET.fullmatch(text):
            raise _refused(path, f"it calls {text[:80]!r}, which is no operator of torch that is known here")
    elif key == "expr_str":
        _check_expression(text, path)
    elif key in ("in_spec", "out_spec"):
        _check_tree(text, path)
    else:
        _check_word(text, path)


def _check_word(text: str, path: Path) -> None:
    if not _WORD.fullmatch(text):
        raise _refused(path, f"the name {text[:80]!r} has characters that names do not have")


def _check_expression(text: str, path: Path) -> None:
    """Sizes are sympy expressions, which torch evaluates: only arithmetic and the constructors of it."""
    try:
        tree = ast.parse(text, mode="eval") if len(text) <= _LONGEST_EXPRESSION else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    for node in ast.walk(tree) if tree else [None]:
        known = isinstance(node, _EXPRESSION_NODES)
        if isinstance(node, ast.Call):
            known = isinstance(node.func, ast.Name) and node.func.id in _EXPRESSION_CALLS
        if isinstance(node, ast.Constant):
            known = isinstance(node.value, int | float) or bool(re.fullmatch(r"\w+", str(node.value)))
        if isinstance(node, ast.Name):
            known = bool(re.fullmatch(r"[a-z]{1,3}\d+|true|false|int_oo|oo", node.id)) or node.id in _EXPRESSION_CALLS
        if not known:
            raise _refused(path, f"the size {text[:80]!r} is no arithmetic expression")


def _check_tree(text: str, path: Path) -> None:
    """How arguments are nested: plain containers only."""
    try:
        tree = json.loads(text) if text else None
    except (ValueError, RecursionError) as error:
        raise CompileError(f"{path}: a damaged exported program (structure of the arguments)") from error
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            if value.get("type") not in _TREE_TYPES:
                raise _refused(path, f"its arguments are of the type {str(value.get('type'))[:80]!r}")
            waiting.extend(value.get("children_spec") or [])
            context = value.get("context")
            if isinstance(context, str) and not re.fullmatch(r"[\w\s.,:\"\[\]-]*", context):
                raise _refused(path, f"a key of its arguments has strange characters: {context[:80]!r}")
        elif isinstance(value, str):
            _check_word(value, path)


def _no_examples() -> bytes:
    """What takes the place of the pickled example inputs."""
    import torch

    written = io.BytesIO()
    torch.save(((), {}), written)
    return written.getvalue()


def _refused(path: Path, reason: str) -> CompileError:
    return CompileError(
        f"{path}: the exported program is not loaded because {reason}. Save it with torch.export.save of a current "
        "torch, or save TorchScript, torch.jit.trace(model.eval(), example).save('model.pt')"
    )


def _raise_refused(path: Path, reason: str) -> bool:
    raise _refused(path, reason)
