"""Opening the model that an artifact was made from, or any other to hold it against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from belvedere.compiler.detect import AUTO, choose_importer
from belvedere.compiler.importing import DEFAULT_SIGNATURE, Declared, Request, Source
from belvedere.compiler.parity.runners import onnxruntime_runner, openvino_runner, reference_runner
from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.inputs import Adaption
from belvedere.compiler.pipeline.network import to_source
from belvedere.compiler.pipeline.reading import import_whole
from belvedere.compiler.source import open_source
from belvedere.core.errors import ArtifactError, CompileError, NotAnArtifactError
from belvedere.runtime import Artifact, Manifest, Model

Run = Callable[[Mapping[str, NDArray[Any]]], Sequence[NDArray[Any]]]


@dataclass(frozen=True, eq=False)
class Original:
    """A model to hold an artifact against.

    Attributes:
        name: What it is, for people.
        outputs: Names of its outputs, in order.
        run: Runs it on the tensors that the artifact takes; outputs in order.
    """

    name: str
    outputs: tuple[str, ...]
    run: Run


@contextmanager
def open_original(path: Path, artifact: Artifact, *, threads: int | None = None) -> Iterator[Original]:
    """Open a source model, or another artifact, so that it takes what ``artifact`` takes.

    A source model is imported the way it was for the artifact, whose manifest tells how, and runs in float32 on the
    plain engine of its format.

    Args:
        path: A model as ``compile`` takes it, or an artifact.
        artifact: The artifact.
        threads: Threads for one call; None for every core.

    Raises:
        CompileError: it cannot be read, or takes or gives something else than the artifact.
    """
    other = _artifact_at(path)
    if other is not None:
        with Model(other, threads=threads) as model:
            _check(other.manifest, artifact.manifest, path)
            names = tuple(output.name for output in other.manifest.outputs)
            yield Original(f"{other.manifest.name} ({other.manifest.precision})", names, model.run)
        return
    asked = artifact.manifest.provenance.get("compile")
    facts: Mapping[str, Any] = asked if isinstance(asked, Mapping) else {}
    framework = str(facts.get("framework", AUTO))
    with open_source(path) as source:
        _check_framework(source, framework)
        imported = import_whole(source, framework, _request(facts, artifact.manifest))
        names = tuple(port.name for port in imported.outputs)
        if len(names) != len(artifact.manifest.outputs):
            wanted = ", ".join(output.name for output in artifact.manifest.outputs)
            raise CompileError(f"{path}: gives {', '.join(names)}; the artifact gives {wanted}")
        if threads is None:
            runner = reference_runner(imported.network, names)
        elif is_onnx(imported.network):
            runner = onnxruntime_runner(imported.network, threads=threads)
        else:
            runner = openvino_runner(imported.network, outputs=names, threads=threads)
        adaption = _adaption(facts)

        def run(tensors: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
            feeds = {
                name: to_source(tensor, adaption if adaption and adaption.name == name else None)
                for name, tensor in tensors.items()
            }
            found = runner(feeds)
            return [found[name] for name in names]

        engine = "ONNX Runtime" if is_onnx(imported.network) else "OpenVINO"
        yield Original(f"{path.name} on plain {engine} in float32", names, run)


def _artifact_at(path: Path) -> Artifact | None:
    """The artifact that lies there; None where it is something else."""
    try:
        return Artifact.load(path)
    except NotAnArtifactError:
        return None
    except ArtifactError:
        if not path.exists() or not _looks_like_artifact(path):
            return None
        raise


def _check_framework(source: Source, made_from: str) -> None:
    """Refuse a model of another framework than the artifact's own, whose ports would mean something else."""
    try:
        found, _ = choose_importer(source, AUTO)
    except CompileError:
        return  # what is wrong with it is said when it is read
    if made_from not in (AUTO, found):
        raise CompileError(
            f"{source.path}: the artifact was made from a model of {made_from}, this is one of {found}; name the model "
            "that it was made from, or compile this one and compare the artifacts"
        )


def _looks_like_artifact(path: Path) -> bool:
    return path.name.endswith((".tar", ".tar.gz", ".tgz")) or (path / "manifest.json").is_file()


def _check(found: Manifest, wanted: Manifest, path: Path) -> None:
    for kind in ("inputs", "outputs"):
        ours, theirs = ([part.name for part in getattr(each, kind)] for each in (wanted, found))
        if ours != theirs:
            raise CompileError(f"{path}: its {kind} are {', '.join(theirs)}; the artifact's are {', '.join(ours)}")


def _request(facts: Mapping[str, Any], manifest: Manifest) -> Request:
    asked = facts.get("request", {})
    inputs = facts.get("source_inputs") or [part.model_dump() for part in manifest.inputs]
    declared = tuple(Declared(part["name"], tuple(part["shape"]), part["dtype"]) for part in inputs)
    outputs = tuple(output.name for output in manifest.outputs) if asked.get("outputs") else ()
    signature = str(asked.get("signature", DEFAULT_SIGNATURE))
    return Request(declared, outputs, asked.get("arch"), signature, dict(asked.get("options", {})))


def _adaption(facts: Mapping[str, Any]) -> Adaption | None:
    found = facts.get("adaption")
    if not isinstance(found, Mapping):
        return None
    return Adaption(**{**found, "mean": tuple(found["mean"]), "std": tuple(found["std"])})
