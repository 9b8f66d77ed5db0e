"""``Model.run``: tensors in and out, what is converted, and errors that show what fits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from belvedere.core.errors import ArtifactError, EngineError
from belvedere.runtime import Artifact, Model
from belvedere.runtime.feeding import borders_of, feed
from belvedere.runtime.ports import Port, exact, matched
from helpers.artifacts import tiny_artifact, tiny_fields
from helpers.tensors import dense_artifact, mixed_artifact, node, onnx_network

ENGINES = ("openvino", "onnxruntime")
MIXED = {"pixels": np.ones((2, 4), np.uint8), "gain": np.array(2, np.float32), "offset": np.arange(3)}
NUMBERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
TYPES = (*NUMBERS, "float16", "float32", "float64")


@pytest.fixture(scope="module", params=ENGINES)
def dense(request: pytest.FixtureRequest):
    with Model(dense_artifact(), engine=request.param, cache=False) as model:
        yield model


@pytest.fixture(scope="module")
def mixed():
    with Model(mixed_artifact(), cache=False) as model:
        yield model


def test_one_array_stands_for_the_only_input(dense: Model) -> None:
    row = np.random.default_rng(0).standard_normal((1, 8)).astype(np.float32)
    one, other = dense.run(row), dense.run({"x": row})
    assert isinstance(one, tuple)
    assert np.array_equal(one[0], other[0])


@pytest.mark.parametrize("dtype", ["float16", "uint8", "int16", "bool"])
def test_types_whose_values_all_exist_in_the_networks_are_converted(dense: Model, dtype: str) -> None:
    row = np.arange(8).reshape(1, 8).astype(dtype)
    assert np.array_equal(dense.run(row)[0], dense.run(row.astype(np.float32))[0])


@pytest.mark.parametrize("dtype", ["float64", "int32", "int64", "uint32", "complex64"])
def test_types_that_could_lose_something_are_refused(dense: Model, dtype: str) -> None:
    with pytest.raises(EngineError, match=rf"input 'x' is {dtype} \[1, 8\]: the network takes float32 \[1, 8\]"):
        dense.run(np.ones((1, 8), dtype))


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({}, r"takes the inputs 'x' float32 \[1, 8\]; not given: x"),
        ({"y": np.ones((1, 8), np.float32)}, r"'x' float32 \[1, 8\]; unknown: y; not given: x"),
        ({"x": np.ones((1, 8), np.float32), "z": np.ones(1)}, "unknown: z"),
        (np.ones((8,), np.float32), r"'x' is float32 \[8\]: the network takes float32 \[1, 8\]"),
        (np.ones((1, 8, 1), np.float32), r"float32 \[1, 8, 1\]"),
        (np.ones((2, 8), np.float32), r"float32 \[2, 8\]"),
        (np.array(["a"]), "<U1"),
        ({"x": [[0.0] * 8]}, "input 'x' is a list, not a NumPy array"),
        ([np.ones((1, 8), np.float32)], r"expected arrays by input name, not list: 'x' float32 \[1, 8\]"),
        (None, "not NoneType"),
        ({1: np.ones((1, 8), np.float32)}, "unknown: 1"),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(dense: Model, tensors: object, reason: str) -> None:
    with pytest.raises(EngineError, match=reason):
        dense.run(tensors)  # type: ignore[arg-type]


def test_several_inputs_need_names(mixed: Model) -> None:
    with pytest.raises(EngineError, match=r"takes 3 inputs, so they need names: 'pixels' uint8 \[2, 4\], 'gain'"):
        mixed.run(MIXED["pixels"])
    assert len(mixed.run(MIXED)) == 4
    assert len(mixed.run(dict(reversed(MIXED.items())))) == 4


def test_scalars_may_be_numpy_numbers(mixed: Model) -> None:
    assert np.array_equal(mixed.run({**MIXED, "gain": np.float32(2)})[0], mixed.run(MIXED)[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_arrays_of_any_memory_layout(engine: str) -> None:
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((1, 16)).astype(np.float32)
    with Model(dense_artifact(), engine=engine, cache=False) as model:
        strided = wide[:, ::2]
        frozen = strided.copy()
        frozen.flags.writeable = False
        swapped = strided.astype(">f4")
        expected = model.run(strided.copy())[0]
        for tensor in (strided, frozen, np.asfortranarray(strided), swapped):
            assert np.array_equal(model.run(tensor)[0], expected)


def test_outputs_are_the_callers_own(dense: Model) -> None:
    row = np.ones((1, 8), np.float32)
    first = dense.run(row)[0]
    kept = first.copy()
    second = dense.run(row * 2)[0]
    assert np.array_equal(first, kept)
    assert not np.shares_memory(first, second)
    first[...] = -1
    assert np.array_equal(dense.run(row)[0], kept)


@given(st.sampled_from(TYPES), st.sampled_from(TYPES), st.data())
@settings(max_examples=150, deadline=None)
def test_conversions_lose_nothing(source: str, target: str, data: st.DataObject) -> None:
    values = data.draw(hnp.arrays(source, 4, elements={"allow_nan": False} if "float" in source else None))
    found = exact(values, np.dtype(target))
    assert found.dtype in (np.dtype(source), np.dtype(target))
    if found.dtype == target:
        assert np.array_equal(found.astype(source), values)
        assert found.tolist() == values.tolist()


def test_a_tensor_model_cannot_predict_and_says_what_to_do() -> None:
    model = Model(dense_artifact(), cache=False)
    for call in (model.predict, model.predict_many):
        with pytest.raises(ArtifactError, match=r"'net' is bound to no task.*belvedere compile MODEL --task"):
            call([np.zeros((4, 4, 3), np.uint8)])
    with pytest.raises(ArtifactError, match="belvedere compile"):
        model.predict("missing.png")


def test_repr_of_a_tensor_model() -> None:
    artifact = mixed_artifact()
    assert repr(Model(artifact)) == (
        f"<Model 'net': tensor, pixels uint8 [2, 4], gain float32 [], offset int64 [3], digest {artifact.digest[:12]}>"
    )


def test_pictures_of_any_number_and_conversion_of_uint8() -> None:
    with Model(tiny_artifact(types=2), cache=False) as model:
        pixels = np.random.default_rng(0).integers(0, 3, (5, 3, 32, 48), dtype=np.uint8)
        score, _, types = model.run({"image": pixels})
        assert (score.shape, types.shape) == ((5,), (5, 3, 8, 12))
        assert np.array_equal(model.run(pixels[2:3])[0], score[2:3])
        with pytest.raises(EngineError, match=r"uint8 \[3, 32, 48\]|float32 \[3, 32, 48\]"):
            model.run(pixels[0])
        with pytest.raises(EngineError, match=r"takes float32 \[-1, 3, 32, 48\]"):
            model.run(pixels[:, :, :31])
        with pytest.raises(EngineError, match="first axis"):
            model.run(pixels[:0])


def test_outputs_that_do_not_count_pictures_cannot_be_put_together() -> None:
    nodes = [
        node("ReduceMean", ["image"], ["score"], axes=[1, 2, 3], keepdims=0),
        node("NonZero", ["image"], ["places"]),
        node("ReduceMean", ["image"], ["heatmap"], axes=[1]),
    ]
    image = ("image", "float32", ["N", 3, 32, 48])
    outputs = [("score", "float32", ["N"]), ("places", "int64", [4, "found"])]
    fields = tiny_fields()
    fields["outputs"] = [{"name": "score", "shape": [-1]}, {"name": "places", "shape": [4, -1], "dtype": "int64"}]
    fields["files"] = {"network.onnx": onnx_network(nodes, [image], outputs)}
    with Model(Artifact.build(**fields), cache=False) as model:
        score, places = model.run(np.ones((1, 3, 32, 48), np.float32))
        assert (score.shape, places.shape) == ((1,), (4, 3 * 32 * 48))
        with pytest.raises(EngineError, match=r"'places' is \[4, 4608\] for 1 pictures.*run 1 at a time"):
            model.run(np.ones((2, 3, 32, 48), np.float32))


def test_borders_are_those_of_the_manifest() -> None:
    borders = borders_of(tiny_artifact(batch=4).manifest)
    assert borders.inputs == {"image": Port((4, 3, 32, 48), np.dtype("float32"))}
    assert borders.outputs == ("score", "heatmap")
    assert borders_of(dense_artifact(free=True).manifest).inputs["x"].shape == (-1, 8)


def test_feeding_copies_nothing_that_fits() -> None:
    row = np.ones((1, 8), np.float32)
    assert feed({"x": Port((1, 8), row.dtype)}, row)["x"] is row


@pytest.mark.parametrize(
    ("wanted", "found", "indices"),
    [
        (["a", "b"], [{"b"}, {"a"}], [1, 0]),
        (["a", "b"], [{"a", "b"}, {"a", "b"}], [0, 1]),
        (["a", "b"], [{"a", "b"}], [0, 0]),
        (["t", "t"], [{"t"}, {"t"}], [0, 1]),
        (["a", "b", "c"], [set(), {"b"}, set()], [0, 1, 2]),
        (["b"], [{"a"}, {"b", "x"}], [1]),
    ],
)
def test_outputs_are_matched(wanted: list[str], found: list[set[str]], indices: list[int]) -> None:
    assert matched(wanted, [frozenset(names) for names in found]) == indices


def test_outputs_that_are_not_there_are_all_told() -> None:
    with pytest.raises(EngineError, match="lacks outputs that the manifest lists: a, c"):
        matched(["a", "b", "c"], [frozenset({"x"}), frozenset({"b"})])
