"""A model described for people: what it takes, what it learnt, how its threshold came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from belvedere.cli.console import number

if TYPE_CHECKING:
    from belvedere.runtime import Artifact, Manifest
    from belvedere.runtime.inputs import ImageInput, TensorInput

# Facts with a line of their own, in this order; what else training recorded follows under its own name.
_TITLES = {
    "backbone": "backbone",
    "size": "input size",
    "shares": "learners",
    "threshold_rule": "threshold rule",
    "cross_validation": "cross-validation",
    "pictures_needed": "pictures needed",
    "problems": "problems",
}


def model_lines(artifact: Artifact) -> list[str]:
    """Describe an artifact: name, digest, network, input, outputs, decoder, training, reports."""
    manifest = artifact.manifest
    lines = [
        f"{manifest.name}: {manifest.task}",
        f"  digest          {artifact.digest}",
        f"  network         {manifest.network.file}, {_mebibytes(_network_bytes(artifact))}, {manifest.precision}",
    ]
    lines += input_lines(manifest)
    lines += [f"  output          {output.name} {_shape(output.shape)} {output.dtype}" for output in manifest.outputs]
    lines += training_lines(manifest)
    if artifact.reports:
        lines.append(f"  reports         {', '.join(sorted(artifact.reports))}")
    return lines


def input_lines(manifest: Manifest) -> list[str]:
    """What the network takes."""
    return [f"  input           {taken.name} {_shape(taken.shape)} {_taken(taken)}" for taken in manifest.inputs]


def training_lines(manifest: Manifest) -> list[str]:
    """The decision rule of a model and what its training recorded."""
    decoder = manifest.decoder
    lines = []
    if decoder.kind == "anomaly":
        lines += [
            f"  threshold       {number(decoder.threshold, 4)} (score from which a picture counts as anomalous)",
            f"  pixel threshold {number(decoder.pixel_threshold, 4)}",
        ]
        if decoder.types:
            lines.append(f"  anomaly types   {', '.join(decoder.types)}")
    training = manifest.provenance.get("training")
    if not isinstance(training, Mapping):
        return lines
    hidden = {"learners", "floors"} if "shares" in training else set()
    facts: dict[str, Any] = {key: value for key, value in training.items() if key not in hidden}
    ordered = [key for key in _TITLES if key in facts] + [key for key in facts if key not in _TITLES]
    for key in ordered:
        if key == "threshold_rule":
            lines.append(f"  {_TITLES[key]}  {rule_text(facts[key])}")
            continue
        if key == "shares":
            shares = ", ".join(f"{name} {share:.0%}" for name, share in facts[key].items())
            lines.append(f"  {'learners':<16}{shares}")
            continue
        lines += _fact(_TITLES.get(key, key.replace("_", " ")), facts[key], indent=2)
        if key == "cross_validation" and "combined" in facts[key]:
            lines.append("    size and weights were chosen on these pictures: expect somewhat less on new ones")
    return lines


def rule_text(rule: Any) -> str:
    """How the threshold came about, as a sentence; with a rate, how many pictures it takes to promise it."""
    if not isinstance(rule, Mapping) or "description" not in rule:
        return str(rule)
    text = str(rule["description"])
    if rule.get("rate") is not None:
        text += f"; rate {float(rule['rate']):.3g}"
    if rule.get("asked") is not None and rule.get("asked") != rule.get("rate"):
        text += f", asked for {float(rule['asked']):.3g}"
    if rule.get("pictures_needed") is not None:
        text += f", which takes {rule['pictures_needed']} normal pictures"
    return text


def _fact(title: str, value: Any, indent: int) -> list[str]:
    """One recorded fact as lines: scalars beside their title, nested values below it."""
    start = " " * indent
    label = f"{start}{title.ljust(16)}" if indent == 2 else f"{start}{title}: "
    if value is None or value in ({}, [], ""):
        return []
    if isinstance(value, Mapping):
        if all(_is_scalar(item) for item in value.values()):
            known = {key: item for key, item in value.items() if item is not None}
            return [label + ", ".join(f"{key.replace('_', ' ')} {_scalar(item)}" for key, item in known.items())]
        lines = [f"{start}{title}"]
        for key, item in value.items():
            lines += _fact(str(key).replace("_", " "), item, indent + 2)
        return lines
    if isinstance(value, Sequence) and not isinstance(value, str):
        if all(_is_scalar(item) for item in value):
            return [label + ", ".join(_scalar(item) for item in value)]
        lines = [f"{start}{title}"]
        for item in value:
            lines += _item(item, indent + 2)
        return lines
    return [label + _scalar(value)]


def _item(value: Any, indent: int) -> list[str]:
    """One entry of a list of nested values."""
    if isinstance(value, Mapping):
        name = str(value.get("name", value.get("where", "-")))
        rest = {key: item for key, item in value.items() if key not in ("name", "where")}
        return _fact(name, rest, indent) or [" " * indent + name]
    return _fact("-", value, indent)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, bool, int, float))


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value, 4) if isinstance(value, float) else str(value)


def _taken(taken: ImageInput | TensorInput) -> str:
    if taken.kind == "tensor":
        return taken.dtype
    return f"{taken.color} {taken.dtype}, {taken.resize.kernel} to {taken.resize.width}x{taken.resize.height}"


def _shape(shape: Sequence[int]) -> str:
    return "[" + ", ".join("N" if axis < 0 else str(axis) for axis in shape) + "]"


def _network_bytes(artifact: Artifact) -> int:
    """Size of the network with all its files: weights and external data lie in their own."""
    network = artifact.manifest.network
    names = (network.file, *([network.weights] if network.weights else []), *network.external_data)
    return sum(len(artifact.files[name]) for name in names)


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
