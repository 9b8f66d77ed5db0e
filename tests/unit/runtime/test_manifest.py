"""The manifest: what it refuses, how it says so, and that its bytes repeat."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from belvedere.core.errors import ArtifactError
from belvedere.runtime.manifest import Manifest, Resize, parse_manifest
from belvedere.vision.resize import KERNEL_NAMES
from helpers.artifacts import tiny_artifact
from helpers.tensors import mixed_artifact


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return tiny_artifact(types=2).manifest


def changed(manifest: Manifest, change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(manifest.to_json())
    change(document)
    return json.dumps(document).encode()


def test_round_trip_is_exact(manifest: Manifest) -> None:
    data = manifest.to_json()
    assert parse_manifest(data, "m") == manifest
    assert parse_manifest(data, "m").to_json() == data


def test_canonical_form(manifest: Manifest) -> None:
    text = manifest.to_json().decode()
    document = json.loads(text)
    assert text == json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert document["inputs"][0]["scale"] == 1 / 255
    assert document["format"] == "belvedere-artifact"
    assert document["schema_version"] == 1


def test_order_of_keys_and_spaces_in_the_file_do_not_matter(manifest: Manifest) -> None:
    document = json.loads(manifest.to_json())
    shuffled = json.dumps(dict(reversed(document.items()))).encode()
    assert parse_manifest(shuffled, "m").to_json() == manifest.to_json()


def test_kernels_are_those_of_vision() -> None:
    assert set(get_args(Resize.model_fields["kernel"].annotation)) == set(KERNEL_NAMES)


def test_a_newer_schema_is_refused_before_anything_else(manifest: Manifest) -> None:
    data = json.dumps({"schema_version": 3, "unknown": True}).encode()
    with pytest.raises(ArtifactError) as caught:
        parse_manifest(data, "board/manifest.json")
    assert str(caught.value) == (
        "board/manifest.json: made by a newer Belvedere (schema 3; this one knows 1): "
        "upgrade with pip install -U belvedere"
    )


def set_in(*path: Any, value: Any) -> Callable[[dict[str, Any]], object]:
    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.pop("task"), "m: task: is missing"),
        (lambda d: d.pop("schema_version"), None),
        (set_in("schema_version", value=0), "schema_version: "),
        (set_in("schema_version", value="1"), "schema_version: "),
        (set_in("format", value="zip"), "format: input should be 'belvedere-artifact'"),
        (set_in("surprise", value=1), "surprise: is not a known field"),
        (set_in("inputs", 0, "resize", "kernel", value="sinc"), "inputs[0].resize.kernel: "),
        (set_in("inputs", 0, "resize", "mode", value="tile"), "inputs[0].resize.mode: "),
        (set_in("inputs", 0, "resize", "width", value=0), "inputs[0].resize.width: "),
        (set_in("inputs", 0, "resize", "width", value=49), "shape [-1, 3, 32, 48] does not fit the resize"),
        (set_in("inputs", 0, "shape", value=[-1, 3, "32", 48]), "inputs[0].shape[2]: "),
        (set_in("inputs", 0, "shape", 0, value=4), "takes 4 pictures a call, batch is 1"),
        (set_in("inputs", 0, "std", value=[1, 0, 1]), "inputs[0].std[1]: "),
        (set_in("inputs", 0, "mean", value=[1, 1]), "inputs[0].mean"),
        (set_in("inputs", 0, "exif", value="yes"), "inputs[0].exif: "),
        (set_in("inputs", value=[]), "inputs: "),
        (set_in("outputs", value=[]), "outputs: "),
        (set_in("decoder", "threshold", value=-0.1), "decoder.threshold: "),
        (set_in("decoder", "threshold", value="0.5"), "decoder.threshold: "),
        (set_in("decoder", "colors", 0, value="green"), "decoder.colors[0]: "),
        (set_in("decoder", "colors", value=[]), "2 types but 0 colors"),
        (set_in("decoder", "types", value=["a", "a"]), "named twice"),
        (set_in("labels", value=["x"]), "labels and decoder.types differ"),
        (set_in("precision", value="f8"), "precision: "),
        (set_in("batch", value=0), "batch: "),
        (set_in("network", "file", value="other.onnx"), "network.file 'other.onnx' is not among files"),
        (set_in("files", "../evil", value={"sha256": "0" * 64, "bytes": 1}), "unsafe path '../evil'"),
        (set_in("files", "./a", value={"sha256": "0" * 64, "bytes": 1}), "'./a' is not a plain relative path"),
        (set_in("files", "network.onnx", "sha256", value="ABC"), "files.network.onnx.sha256: "),
        (set_in("files", "network.onnx", "bytes", value=-1), "files.network.onnx.bytes: "),
        (set_in("provenance", value=[]), "provenance: "),
    ],
)  # fmt: skip
def test_wrong_fields_are_named(manifest: Manifest, change: Any, reason: str | None) -> None:
    data = changed(manifest, change)
    if reason is None:
        parse_manifest(data, "m")
        return
    with pytest.raises(ArtifactError) as caught:
        parse_manifest(data, "m")
    message = str(caught.value)
    assert message.startswith("m: ")
    assert reason in message
    assert "\n" not in message
    assert "pydantic" not in message


@pytest.fixture(scope="module")
def tensor_manifest() -> Manifest:
    return mixed_artifact().manifest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in("inputs", 1, "dtype", value="float128"), "m: inputs[1].dtype: input should be 'float16', 'float32'"),
        (set_in("inputs", 0, "shape", 1, value=-2), "m: inputs[0].shape[1]: "),
        (set_in("inputs", 2, "kind", value="sound"), "m: inputs[2]: kind is 'sound': expected 'image', 'tensor'"),
        (set_in("inputs", 1, "name", value="pixels"), "m: inputs: a name is there twice"),
        (set_in("inputs", 0, "resize", value={}), "m: inputs[0].resize: is not a known field"),
        (lambda d: d.update(inputs=d["inputs"] * 22), "m: inputs: "),
        (set_in("outputs", 0, "dtype", value="string"), "m: outputs[0].dtype: "),
        (set_in("decoder", "kind", value="poetry"), "m: decoder: kind is 'poetry': expected 'anomaly'"),
        (set_in("decoder", "threshold", value=1), "m: decoder.threshold: is not a known field"),
        (set_in("decoder", value=3), "m: decoder: "),
        (set_in("task", value="poetry"), "m: task: input should be 'anomaly', 'tensor'"),
        (set_in("task", value="pose"), "m: the model 'net' is for the task 'pose', its decoder is 'tensor'"),
        (set_in("target", value="tpu"), "m: target: "),
        (set_in("engine", value="tvm"), "m: engine: "),
        (set_in("network", "format", value="tflite"), "m: network.format: "),
        (set_in("network", "external_data", value=["w"]), "m: network.external_data 'w' is not among files"),
        (set_in("network", "external_data", value=["/w"]), "m: network: external_data '/w' does not lie beside"),
        (set_in("network", "weights", value="network.onnx"), "m: network: weights are a file of an openvino-ir"),
        (set_in("selftest", value={"file": "s", "tolerance": 1e-3}), "m: selftest.file 's' is not among files"),
        (set_in("selftest", value={"file": "s", "tolerance": 0}), "m: selftest.tolerance: "),
        (set_in("batch", value=2), "m: batch is 2, which only a network with one picture input can have"),
    ],
)
def test_wrong_fields_of_a_tensor_model(tensor_manifest: Manifest, change: Any, message: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        parse_manifest(changed(tensor_manifest, change), "m")
    assert str(caught.value).startswith(message)


def test_a_tensor_model_round_trips(tensor_manifest: Manifest) -> None:
    data = tensor_manifest.to_json()
    assert parse_manifest(data, "m") == tensor_manifest
    assert parse_manifest(data, "m").to_json() == data


def test_an_output_may_be_there_twice(tensor_manifest: Manifest) -> None:
    data = changed(tensor_manifest, lambda d: d.update(outputs=d["outputs"][:1] * 2))
    assert [output.name for output in parse_manifest(data, "m").outputs] == ["total", "total"]


def test_every_fault_is_told(manifest: Manifest) -> None:
    data = changed(manifest, lambda d: (d.pop("task"), d.update(batch="x", extra=1)))
    with pytest.raises(ArtifactError, match=r"task: is missing.*; .*batch: .*extra: is not a known field"):
        parse_manifest(data, "m")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "expected a JSON object, found list"),
        (b'{"a": 1, "a": 2}', "a key is there twice"),
        (b'{"a": {"b": NaN}}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"provenance": {"x": 1e999}}', "holds what JSON cannot"),
        (b'{"n": ' + b"1" * 5000 + b"}", "not valid JSON"),
        (b" " * (17 * 1024**2), "more than the"),
    ],
)
def test_no_json_no_manifest(data: bytes, reason: str) -> None:
    with pytest.raises(ArtifactError, match=reason):
        parse_manifest(data, "m")


@settings(max_examples=100, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12,
))  # fmt: skip
def test_any_json_in_place_of_any_field_gives_our_error_or_a_manifest(value: Any) -> None:
    document = json.loads(tiny_artifact_json())
    for key in document:
        try:
            data = json.dumps({**document, key: value}).encode()
            assert isinstance(parse_manifest(data, "m").to_json(), bytes)
        except ArtifactError as error:
            assert str(error).startswith("m: ")  # noqa: PT017


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False) | st.text(), max_size=5))
def test_provenance_round_trips(facts: dict[str, Any]) -> None:
    document = {**json.loads(tiny_artifact_json()), "provenance": facts}
    try:
        data = json.dumps(document).encode()
        manifest = parse_manifest(data, "m")
    except ArtifactError:
        assert any("\ud800" <= letter <= "\udfff" for letter in "".join(map(str, [*facts, *facts.values()])))
        return
    assert parse_manifest(manifest.to_json(), "m").provenance == facts


def test_a_manifest_does_not_change(manifest: Manifest) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        manifest.name = "other"  # type: ignore[misc]


_JSON: list[bytes] = []


def tiny_artifact_json() -> bytes:
    if not _JSON:
        _JSON.append(tiny_artifact().manifest.to_json())
    return _JSON[0]
