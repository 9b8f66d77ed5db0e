"""What a compile run found out: parity, speed, size, machine; as JSON and as one HTML page."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from belvedere.compiler.parity.speed import Speed
from belvedere.core.files import write_bytes

SCHEMA_VERSION = 1
JSON_NAME, PAGE_NAME = "compile.json", "compile.html"


@dataclass(frozen=True)
class TaskParity:
    """The task's figure before and after.

    Attributes:
        metric: What it is: a metric against labels, or the agreement between both where there are none.
        labelled: Whether the samples have labels.
        samples: How many pictures.
        before: Of the source network; 1 where there are no labels.
        after: Of the finished one.
        allowed: Largest loss that is accepted, without labels of agreement; None where it is not bound.
        given: How many pictures were handed over.
    """

    metric: str
    labelled: bool
    samples: int
    before: float
    after: float
    allowed: float | None = None
    given: int | None = None

    @property
    def on(self) -> str:
        """How many pictures of how many it was measured on."""
        of = f" of {self.given}" if self.given is not None and self.given != self.samples else ""
        return f"{self.samples}{of} picture{'' if (self.given or self.samples) == 1 else 's'}"

    @property
    def ok(self) -> bool:
        """Whether the loss is within what is allowed."""
        return self.allowed is None or self.before - self.after <= self.allowed + 1e-9


@dataclass(frozen=True)
class CompileReport:
    """What a compile run found out.

    Attributes:
        name: Of the model.
        digest: Of the artifact.
        framework: Where it comes from.
        precision: Of the finished network.
        meaning: What that precision is, in words.
        target: What it was made for.
        tried: Whether the target was run on this machine.
        why_not: The exact reason why not; empty where it was.
        engine: What runs it, with version.
        engine_reason: Why that engine.
        gate: Largest relative difference between both engines; None where only one runs it.
        measure: What ``error`` is.
        outputs: One entry per output, see ``parity.judge.as_json``.
        inputs: How many seeded inputs and how many samples the outputs were compared on.
        task: The task's figure; None where the model is bound to none.
        before: Milliseconds a call of the source network, on its own engine in float32.
        after: Milliseconds a call of the artifact.
        size_before: Bytes of the source network.
        size_after: Bytes of the finished one.
        passes: What the clean-up did.
        quantisation: Method, samples and exceptions; None unless int8.
        operators: Operator to count in the finished network.
        machine: Where it was measured.
        notes: Sentences that the user should read.
        ok: Whether everything is within its tolerance.
        verdict: In one sentence.
        reference: What the artifact was held against, in words.
    """

    name: str
    digest: str
    framework: str
    precision: str
    meaning: str
    target: str
    tried: bool
    why_not: str
    engine: str
    engine_reason: str
    gate: float | None
    measure: str
    outputs: tuple[Mapping[str, Any], ...]
    inputs: Mapping[str, int]
    task: TaskParity | None
    before: Speed | None
    after: Speed | None
    size_before: int
    size_after: int
    passes: Mapping[str, Any]
    quantisation: Mapping[str, Any] | None
    operators: Mapping[str, int]
    machine: Mapping[str, Any]
    notes: tuple[str, ...]
    ok: bool
    verdict: str
    reference: str = ""
    schema_version: int = field(default=SCHEMA_VERSION)

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the source network it is; None where not measured."""
        return None if self.before is None or self.after is None else self.before.p50_ms / self.after.p50_ms

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        found = asdict(self)
        found["outputs"] = [dict(output) for output in self.outputs]
        found["speed_ratio"] = self.ratio
        if self.task is not None:
            found["task"] |= {"ok": self.task.ok, "on": self.task.on}
        return found

    def to_json(self) -> bytes:
        """UTF-8 JSON with sorted keys."""
        return (
            json.dumps(self.to_dict(), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        )

    def page(self) -> bytes:
        """One HTML file that needs nothing else."""
        from belvedere.compiler.report.page import render_page

        return render_page(self).encode()

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``compile.json`` and ``compile.html`` to a folder.

        Returns:
            The path of the page.

        Raises:
            StorageError: it could not be written.
        """
        target = Path(folder)
        write_bytes(target / JSON_NAME, self.to_json())
        write_bytes(target / PAGE_NAME, self.page())
        return target / PAGE_NAME
