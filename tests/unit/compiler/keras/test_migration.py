"""Configurations of Keras 2, made readable for Keras 3."""

from __future__ import annotations

import copy

import pytest

from belvedere.compiler.importers.keras.migration import (
    HARD_SIGMOID_OF_KERAS_2,
    for_inference,
    input_layers,
    is_keras_2,
    migrated,
    output_keys,
    takes_channels_first,
)
from helpers.keras_files import needs_keras, sequential, taking

pytestmark = [needs_keras, pytest.mark.usefixtures("keras_itself")]


def layer(kind: str, **settings):
    return migrated(sequential(taking(4), (kind, settings)))["config"]["layers"][1]["config"]


def functional(references, outputs=(("nested", 1, 0),)):
    nested = sequential(taking(4, name="inner"), ("Activation", {"activation": "relu"}))
    nested["config"]["name"] = "nested"
    return {
        "class_name": "Model",
        "module": "tf_keras.engine.functional",
        "config": {
            "name": "model",
            "layers": [
                {"class_name": "InputLayer", "name": "x", "inbound_nodes": [], "config": taking(4)[1]},
                nested | {"name": "nested", "inbound_nodes": [[["x", 0, 0, {}]]]},
                {"class_name": "Add", "name": "add", "config": {"name": "add"}, "inbound_nodes": [references]},
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [list(entry) for entry in outputs],
        },
    }


@pytest.mark.parametrize(("version", "old"), [("2.4.0", True), ("2.2.4-tf", True), ("3.0.0", False), ("", False)])
def test_files_of_keras_2_are_known_by_their_version(version, old):
    assert is_keras_2(version) is old


@pytest.mark.parametrize(
    ("kind", "settings", "gone"),
    [
        ("DepthwiseConv2D", {"groups": 1, "kernel_size": [3, 3]}, "groups"),
        ("LSTM", {"units": 3, "time_major": False}, "time_major"),
        ("BatchNormalization", {"axis": [3], "fused": True}, "fused"),
        ("Dense", {"units": 3, "batch_input_shape": [None, 4]}, "batch_input_shape"),
    ],
)
def test_settings_that_keras_3_dropped_are_left_out(kind, settings, gone):
    assert gone not in layer(kind, **settings)


def test_settings_that_mean_something_stay():
    assert layer("Conv2D", groups=1, filters=4, kernel_size=[3, 3])["groups"] == 1
    assert layer("DepthwiseConv2D", groups=2, kernel_size=[3, 3])["groups"] == 2
    assert layer("LSTM", units=3, time_major=True)["time_major"] is True


def test_an_axis_in_a_list_becomes_a_number():
    assert layer("BatchNormalization", axis=[3])["axis"] == 3
    assert layer("BatchNormalizationV1", axis=-1)["axis"] == -1


@pytest.mark.parametrize(
    "activation", ["hard_sigmoid", {"class_name": "function", "config": "hard_sigmoid", "module": "builtins"}]
)
def test_the_hard_sigmoid_becomes_our_own(activation):
    assert layer("Activation", activation=activation)["activation"] == HARD_SIGMOID_OF_KERAS_2
    assert layer("GRU", units=2, recurrent_activation=activation)["recurrent_activation"] == HARD_SIGMOID_OF_KERAS_2
    assert layer("Activation", activation="sigmoid")["activation"] == "sigmoid"


def test_input_layers_get_the_new_shape_setting():
    (entry,) = input_layers(migrated(sequential(taking(8, 8, 3), ("Flatten", {}))))
    assert entry["batch_shape"] == [None, 8, 8, 3]
    assert "batch_input_shape" not in entry


def test_calls_of_nested_models_are_counted_one_lower():
    model = functional([["nested", 1, 0, {}], ["x", 0, 0, {}]])
    before = copy.deepcopy(model)
    after = migrated(model)
    assert model == before
    assert after["config"]["layers"][2]["inbound_nodes"] == [[["nested", 0, 0, {}], ["x", 0, 0, {}]]]
    assert after["config"]["output_layers"] == [["nested", 0, 0]]
    assert (after["class_name"], after["module"]) == ("Functional", "keras.src.models.functional")
    inner = after["config"]["layers"][1]["config"]["layers"][0]
    assert inner["config"]["batch_shape"] == [None, 4]


def test_outputs_in_a_dictionary_keep_the_files_order():
    model = functional([])
    assert output_keys(model) == []
    model["config"]["output_layers"] = {"b": ["add", 0, 0], "a": ["nested", 0, 0]}
    assert output_keys(model) == ["b", "a"]


def test_training_settings_and_mixed_precision_go():
    policy = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
    config = sequential(taking(2), ("Dense", {"units": 2, "dtype": policy})) | {"compile_config": {"optimizer": "x"}}
    clean = for_inference(config)
    assert "compile_config" not in clean
    assert clean["config"]["layers"][1]["config"]["dtype"] == "float32"
    assert config["config"]["layers"][1]["config"]["dtype"] == policy


def test_channels_first_is_found_in_nested_models_too():
    inner = sequential(taking(4), ("Conv2D", {"data_format": "channels_first"}))
    assert takes_channels_first(sequential(taking(4), ("Sequential", inner["config"])))
    assert not takes_channels_first(sequential(taking(4), ("Conv2D", {"data_format": "channels_last"})))
