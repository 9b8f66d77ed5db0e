"""Work on a foreign file in a process of its own: a file that crashes or bloats its reader harms nobody else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from belvedere.core.errors import CompileError, EngineError, LimitError, MissingExtraError, OptionError
from belvedere.core.limits import DEFAULT_LIMITS, Limits

_ERRORS: dict[str, Callable[[str], Exception]] = {
    kind.__name__: kind for kind in (CompileError, LimitError, OptionError, EngineError)
}
_LAST_WORDS = 300
_OWN_MEMORY = 3 * 1024**3  # Python, OpenVINO, Keras on torch, and what they need to think
_GROWTH = 16


class RetryableError(CompileError):
    """One way of reading the file failed; another one may work."""


def run_isolated(
    module: str,
    job: Mapping[str, Any],
    where: Path,
    folder: Path,
    *,
    more_memory: int = 0,
    limits: Limits = DEFAULT_LIMITS,
) -> dict[str, Any]:
    """Run ``python -m module`` on a job; what it writes lies in ``folder`` afterwards.

    Time, memory and written bytes of the process are limited (memory and bytes where the system can do that).

    Args:
        module: A module that ends in ``worker.answer``.
        job: What to do, as JSON.
        where: The file or folder that is read, for messages.
        folder: An empty folder to work in.
        more_memory: Bytes that the job may need beside a share that grows with the files.
        limits: Bounds on the process.

    Returns:
        Its answer.

    Raises:
        CompileError: the process said so, crashed, or took too long.
        LimitError: it ran into a bound.
        MissingExtraError: it needs a package that is not installed.
        OptionError, EngineError: the process said so.
        RetryableError: it could not read the file in the way that was asked for.
    """
    task = {
        "job": dict(job),
        "where": str(where),
        "memory": min(limits.conversion_bytes, _memory(where) + more_memory),
        "seconds": limits.conversion_seconds,
        "folder": str(folder),
    }
    (folder / "job.json").write_text(json.dumps(task), encoding="utf-8")
    status, said = _run(module, folder, where, limits.conversion_seconds)
    answer: dict[str, Any] = _answer(folder, status, said, where)
    _raise_error(answer)
    return answer


def _memory(where: Path) -> int:
    """Memory for the process: a share that grows with the files, so that a small one cannot ask for everything."""
    files = [path for path in where.rglob("*") if path.is_file()] if where.is_dir() else [where]
    size = sum(path.stat().st_size for path in files if path.is_file())
    return _OWN_MEMORY + _GROWTH * size


def _run(module: str, folder: Path, where: Path, seconds: float) -> tuple[int, str]:
    """Exit status and the last words on standard error."""
    # -P: the working folder is no place to import from.
    command = [sys.executable, "-P", "-m", module, str(folder / "job.json")]
    with (folder / "stderr.txt").open("w+b") as errors:
        try:
            status = subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": _import_path()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                timeout=seconds,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise LimitError(f"{where}: reading it took longer than {seconds:g} s and was stopped") from None
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - _LAST_WORDS))
        return status, " ".join(errors.read().decode("utf-8", "replace").split())


def _import_path() -> str:
    """Where this package lies, and what the variable held, made absolute: the process works in another folder."""
    own = Path(__file__).parents[3]
    held = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return os.pathsep.join(str(entry.absolute()) for entry in (own, *map(Path, held)))


def _answer(folder: Path, status: int, said: str, where: Path) -> Any:
    answer = folder / "answer.json"
    if status == 0 and answer.is_file():
        return json.loads(answer.read_text(encoding="utf-8"))
    if status == -getattr(signal, "SIGXFSZ", 0) != 0:
        raise LimitError(f"{where}: the network that it becomes is larger than the limit for a conversion")
    how = f"crashed on it ({signal.Signals(-status).name})" if status < 0 else f"ended on it with status {status}"
    raise CompileError(f"{where}: the process that reads it {how}; the file is probably damaged. {said}".rstrip())


def _raise_error(answer: Mapping[str, Any]) -> None:
    error = answer.get("error")
    if error is None:
        return
    if error == "MissingExtraError":
        raise MissingExtraError(answer["message"], answer["extra"])
    if answer.get("retry"):
        raise RetryableError(answer["message"])
    raise _ERRORS[error](answer["message"])
