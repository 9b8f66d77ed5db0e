"""The other side of ``process``: limits itself, works, and answers in files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from belvedere.compiler.isolation.process import RetryableError
from belvedere.core.errors import BelvedereError, CompileError, EngineError, LimitError, MissingExtraError, OptionError

_LINES_OF_SOURCE = ("Check '", "Exception from", "FrontEnd API failed", "While validating", "[ ERROR")
_LONGEST_REASON = 400
_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "std::bad_alloc")


def answer(work: Callable[[dict[str, Any], Path, str], dict[str, Any]], *, cannot: str = "cannot be read") -> None:
    """Do the job that the command line names: limit the process, work, write ``answer.json``.

    Args:
        work: Takes the job, a folder for files, and what to call the model in messages; gives the answer, JSON
            values. It raises errors of ours, or lets out what the readers raise on damaged files.
        cannot: What is said of the model then.
    """
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    folder, where = Path(task["folder"]), task["where"]
    limit_process(task["memory"], task["seconds"])
    try:
        found = work(task["job"], folder, where)
    except MissingExtraError as error:
        found = {"error": "MissingExtraError", "message": str(error).split(" needs the [")[0], "extra": error.extra}
    except (LimitError, OptionError, EngineError) as error:
        found = {"error": type(error).__name__, "message": str(error)}
    except BelvedereError as error:
        if is_out_of_memory(error.__cause__):
            found = _too_much_memory(where, task["memory"])
        else:
            found = {"error": "CompileError", "message": str(error), "retry": isinstance(error, RetryableError)}
    except Exception as error:  # noqa: BLE001 - the border of the process: readers raise anything on damaged files
        if is_out_of_memory(error):
            found = _too_much_memory(where, task["memory"])
        else:
            found = {"error": CompileError.__name__, "message": f"{where}: {cannot} ({reason(error)})"}
    (folder / "answer.json").write_text(json.dumps(found), encoding="utf-8")


def reason(error: BaseException) -> str:
    """What an error of OpenVINO or Keras says, without the lines that name their own source files."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(_LINES_OF_SOURCE)]
    return " ".join(telling)[:_LONGEST_REASON] or type(error).__name__


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error says that memory was refused; engines have no class for that, only words."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)
    )


def limit_process(memory: int, seconds: float) -> None:
    """Bound data memory, written bytes and computing time, and leave no core file, where the system can do that.

    The time is that of all cores together, so that the process ends even where whoever waits for it is gone.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limits; the time limit holds there too
        return
    computing = int(seconds * (os.cpu_count() or 1)) + 1
    bounds = (("RLIMIT_DATA", memory), ("RLIMIT_FSIZE", memory), ("RLIMIT_CORE", 0), ("RLIMIT_CPU", computing))
    for kind, bound in bounds:
        if hasattr(resource, kind):
            _, hard = resource.getrlimit(getattr(resource, kind))
            most = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
            resource.setrlimit(getattr(resource, kind), (most, hard))


def _too_much_memory(where: str, memory: int) -> dict[str, Any]:
    message = f"{where}: reading it needs more memory than the limit, {memory / 2**30:.1f} GiB for a model of its size"
    return {"error": "LimitError", "message": message}
