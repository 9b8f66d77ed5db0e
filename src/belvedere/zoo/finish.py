"""The last touches to a compiled model of the zoo: its exact preprocessing, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from belvedere.runtime import Artifact
from belvedere.runtime.inputs import ImageInput, Resize

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, the steps done and the steps in all."""


def finished(
    artifact: Artifact, *, resize: Mapping[str, Any] | None = None, zoo: Mapping[str, Any], note: str = ""
) -> Artifact:
    """A copy with the resize that the model's makers use, and the facts of the zoo in its provenance.

    The network and what was measured of it stay; the reports name the copy's digest.

    Args:
        artifact: As the compiler made it.
        resize: Fields of the picture input's `Resize`; None leaves it.
        zoo: Facts about the model, JSON values.
        note: A sentence that the user should read; empty for none.
    """
    manifest = artifact.manifest
    inputs = list(manifest.inputs)
    first = inputs[0]
    if resize is not None and isinstance(first, ImageInput):
        inputs[0] = first.model_copy(update={"resize": Resize.model_validate(dict(resize))})
    facts = {**zoo, "note": note} if note else dict(zoo)
    copy = Artifact.build(
        files=artifact.files,
        task=manifest.task,
        name=manifest.name,
        network=manifest.network,
        inputs=inputs,
        outputs=manifest.outputs,
        decoder=manifest.decoder,
        labels=manifest.labels,
        precision=manifest.precision,
        target=manifest.target,
        engine=manifest.engine,
        batch=manifest.batch,
        selftest=manifest.selftest,
        provenance={**manifest.provenance, "zoo": facts},
    )
    before, after = artifact.digest.encode(), copy.digest.encode()
    for name, content in artifact.reports.items():
        copy = copy.with_report(name, bytes(content).replace(before, after))
    return copy


def note_of(artifact: Artifact) -> str:
    """What the zoo wants a user of this model to know; empty for nothing."""
    facts = artifact.manifest.provenance.get("zoo")
    note = facts.get("note") if isinstance(facts, Mapping) else None
    return note if isinstance(note, str) else ""
