"""Run by test_crash_safety: save artifacts in child processes that are killed at random moments.

Arguments: target path, number of kills, ``exchange`` or ``renames``. Writes how many loads gave each artifact.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from belvedere.core import files
from belvedere.runtime.artifact import Artifact
from helpers.artifacts import tiny_artifact


def main(target: Path, kills: int, swap: str) -> None:
    if swap == "renames":
        files.exchange = lambda first, second: False
        _slow_down_renames()
    ballast = {f"part{number}.bin": os.urandom(40_000) for number in range(5)}
    choices = [_with_ballast(ballast, name) for name in ("first", "second")]
    names = {artifact.digest: artifact.manifest.name for artifact in choices}
    began = time.perf_counter()
    choices[0].save(target)
    # On a slow machine a child needs longer to get one save done; about half of the kills shall come after that.
    longest = 3 * (time.perf_counter() - began)
    seen: Counter[str] = Counter()
    wait = random.Random(0)
    for _ in range(kills):
        child = os.fork()
        if not child:
            _save_forever(target, choices)
        time.sleep(wait.uniform(0.001, max(0.04, longest)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seen[names[Artifact.load(target).digest]] += 1
    sys.stdout.write(f"{seen['first']} {seen['second']}\n")


def _slow_down_renames() -> None:
    """Make the moment between two renames long enough to be hit."""
    original = Path.rename

    def rename(self: Path, target: Path) -> Path:
        time.sleep(0.005)
        return original(self, target)

    Path.rename = rename


def _with_ballast(ballast: dict[str, bytes], name: str) -> Artifact:
    plain = tiny_artifact()
    return tiny_artifact(name=name, files={**plain.files, **ballast})


def _save_forever(target: Path, choices: list[Artifact]) -> None:
    while True:
        for artifact in reversed(choices):
            artifact.save(target)


main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
