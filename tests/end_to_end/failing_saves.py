"""Run by test_crash_safety: ``belvedere train`` in child processes that fail while they save.

Arguments: dataset, target, ``kill`` or ``full``. The target holds one artifact; training is replaced by one that
has a second artifact ready, so that every child gets to saving at once. With ``kill`` the children are killed with
SIGKILL at the first, second, third ... step of the saving, until one survives; with ``full`` no file may grow over
4 kB. Prints how many times the target held the first and the second artifact afterwards, and the exit code.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import belvedere
from belvedere.cli.root import run
from belvedere.runtime import Artifact, Model
from helpers.artifacts import tiny_artifact

EVENTS = ("open", "os.rename", "os.mkdir", "os.chmod", "os.remove", "os.rmdir", "ctypes.dlsym", "fsync")


def main(dataset: str, target: Path, how: str) -> None:
    first, second = tiny_artifact(name="first"), tiny_artifact(name="second", seed=1)

    def train(*_: Any, **__: Any) -> Model:
        return Model(second)

    belvedere.train = train
    words = ["train", dataset, "--task", "anomaly", "--out", str(target)]
    seen = {first.digest: 0, second.digest: 0}
    step, alive = 0, False
    while not alive:
        first.save(target)
        child = os.fork()
        if not child:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            if how == "kill":
                die_at(step)
            else:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
            os._exit(run(words))
        _, status = os.waitpid(child, 0)
        seen[Artifact.load(target).digest] += 1
        alive = not os.WIFSIGNALED(status)
        if alive:
            code = os.waitstatus_to_exitcode(status)
        step += 1
    sys.stdout.write(f"{seen[first.digest]} {seen[second.digest]} {code}\n")


def die_at(step: int) -> None:
    """Kill this process at the given step of ``Artifact.save``."""
    left, saving = step, False

    def count(event: str, _arguments: object = ()) -> None:
        nonlocal left
        if saving and event in EVENTS:
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    sync, save = os.fsync, Artifact.save

    def fsync(descriptor: int) -> None:
        count("fsync")
        sync(descriptor)

    def watched(self: Artifact, path: Any) -> None:
        nonlocal saving
        saving = True
        save(self, path)
        saving = False

    os.fsync = fsync
    Artifact.save = watched  # type: ignore[method-assign]
    sys.addaudithook(count)


main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
