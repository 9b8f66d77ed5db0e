"""Targets and precisions: told to the engine as asked, and refused with the reason where they cannot be had."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest

from belvedere.core.errors import ArtifactError, EngineError, OptionError
from belvedere.runtime import Model, load
from belvedere.runtime.blob_cache import BlobCache
from belvedere.runtime.engine import EngineOptions, choose_engine, open_engine
from belvedere.runtime.engine_imports import import_onnxruntime, import_openvino
from belvedere.runtime.network import NetworkFiles
from belvedere.runtime.onnxruntime_engine import OnnxRuntimeEngine
from belvedere.runtime.onnxruntime_providers import CPU, CUDA, TENSORRT, Provider, computes_in, providers_for
from belvedere.runtime.openvino_device import device_of, properties
from helpers.tensors import dense_artifact, dense_network

ROW = np.random.default_rng(0).standard_normal((1, 8)).astype(np.float32)
PRECISIONS = ("f32", "bf16", "f16", "int8")


def has_device(name: str) -> bool:
    return any(device.startswith(name) for device in import_openvino().Core().available_devices)


@pytest.mark.parametrize(("target", "device"), [("intel-gpu", "GPU"), ("npu", "NPU")])
def test_a_device_that_is_not_there(target: str, device: str) -> None:
    if has_device(device):
        pytest.skip(f"this machine has a {device}")
    with pytest.raises(EngineError, match=rf"no device for the target {target}: OpenVINO finds CPU.*, and no {device}"):
        open_engine(dense_network(), options=EngineOptions(target=target))


def test_nvidia_without_its_provider() -> None:
    if CUDA in import_onnxruntime().get_available_providers():
        pytest.skip("this ONNX Runtime has the CUDA provider")
    with pytest.raises(
        EngineError, match=r"no provider for the target nvidia, only .*CPUExecutionProvider.*onnxruntime-gpu"
    ):
        open_engine(dense_network(), options=EngineOptions(target="nvidia"))


@pytest.mark.parametrize(
    ("engine", "form", "target", "chosen"),
    [
        ("auto", "onnx", "cpu", "openvino"),
        ("onnxruntime", "onnx", "cpu", "onnxruntime"),
        ("auto", "openvino-ir", "cpu", "openvino"),
        ("auto", "onnx", "nvidia", "onnxruntime"),
        ("auto", "onnx", "intel-gpu", "openvino"),
        ("openvino", "openvino-ir", "npu", "openvino"),
    ],
)
def test_engines_of_targets(engine: str, form: str, target: str, chosen: str) -> None:
    assert choose_engine(engine, form, target) == chosen


@pytest.mark.parametrize(
    ("engine", "form", "target", "reason"),
    [
        ("auto", "openvino-ir", "nvidia", r"belvedere\[tensorflow\]"),
        ("onnxruntime", "openvino-ir", "cpu", "is an OpenVINO model"),
        ("openvino", "onnx", "nvidia", "needs the engine onnxruntime"),
        ("onnxruntime", "onnx", "intel-gpu", "needs the engine openvino"),
        ("onnxruntime", "onnx", "npu", "needs the engine openvino"),
    ],
)
def test_engines_that_cannot(engine: str, form: str, target: str, reason: str) -> None:
    with pytest.raises(EngineError, match=reason):
        choose_engine(engine, form, target)


class Core:
    """OpenVINO's core on a machine with everything."""

    available_devices = ("CPU", "GPU.0", "GPU.1", "NPU")
    known = ("INFERENCE_PRECISION_HINT", "PERFORMANCE_HINT", "NUM_STREAMS", "EXECUTION_MODE_HINT")

    def get_property(self, device: str, name: str) -> object:
        more = ("INFERENCE_NUM_THREADS", "ENABLE_CPU_PINNING", "DYNAMIC_QUANTIZATION_GROUP_SIZE")
        return dict.fromkeys(self.known + (more if device == "CPU" else ()))


def test_devices_of_targets() -> None:
    assert [device_of(Core(), target) for target in ("cpu", "intel-gpu", "npu")] == ["CPU", "GPU.0", "NPU"]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("target", ["cpu", "intel-gpu", "npu"])
def test_the_precision_is_always_told(precision: str, target: str) -> None:
    core = Core()
    options = EngineOptions(precision=precision, target=target, threads=2)
    told = properties(core, device_of(core, target), options)
    floats = {"int8": "f32", "f16": "f32" if target == "cpu" else "f16"}.get(precision, precision)
    assert told["INFERENCE_PRECISION_HINT"] == floats
    assert ("INFERENCE_NUM_THREADS" in told) == (target == "cpu")
    assert (told["PERFORMANCE_HINT"], told["NUM_STREAMS"]) == ("LATENCY", 1)


def test_a_device_that_takes_no_precision_is_refused() -> None:
    core = Core()
    core.known = ("PERFORMANCE_HINT",)
    with pytest.raises(EngineError, match="bf16 cannot be promised"):
        properties(core, "GPU.0", EngineOptions(precision="bf16", target="intel-gpu"))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_openvino_computes_in(precision: str) -> None:
    capabilities = import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    with closing(open_engine(dense_network(64), options=EngineOptions(precision=precision))) as engine:
        asked = "bf16" if precision == "bf16" and "BF16" in capabilities else "f32"
        assert (engine.precision, engine.computes) == (precision, asked)
        row = np.random.default_rng(1).standard_normal((1, 64)).astype(np.float32)
        weights = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
        exact = np.maximum(row.astype(np.float64) @ weights, 0)
        error = np.abs(engine.run({"x": row})["y"] - exact).max() / exact.max()
        assert error < (2e-2 if asked == "bf16" else 1e-5)
        assert asked != "bf16" or error > 1e-4


def test_throughput_and_streams() -> None:
    options = EngineOptions(hint="throughput", streams=2, threads=2)
    for name in ("openvino", "onnxruntime"):
        with closing(open_engine(dense_network(), engine=name, options=options)) as engine:
            # OpenVINO has no more streams than cores.
            assert 1 <= engine.streams <= 2
            assert 1 <= engine.threads <= 2
            assert engine.run({"x": ROW})["y"].shape == (1, 8)
    with closing(open_engine(dense_network(), options=EngineOptions())) as engine:
        assert engine.streams == 1


@pytest.mark.parametrize(
    "options",
    [{"target": "tpu"}, {"precision": "f8"}, {"hint": "fast"}, {"streams": 0}, {"threads": 0}, {"threads": 1.5}],
)
def test_unknown_options(options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        EngineOptions(**options)


def runtime_with(*providers: str) -> SimpleNamespace:
    return SimpleNamespace(__version__="1.31.0", get_available_providers=lambda: [*providers])


NETWORK = NetworkFiles(b"network")
EVERYTHING = runtime_with(TENSORRT, CUDA, CPU)


def test_f32_on_nvidia_is_float32() -> None:
    first, last = providers_for(EVERYTHING, NETWORK, EngineOptions(target="nvidia"))
    assert (first.name, first.options["use_tf32"], last.name) == (CUDA, "0", CPU)
    assert computes_in(first, "f32") == "f32"


@pytest.mark.parametrize(("precision", "flag"), [("f16", "fp16"), ("bf16", "bf16"), ("int8", "int8")])
def test_other_precisions_run_on_tensorrt(precision: str, flag: str) -> None:
    chosen = providers_for(EVERYTHING, NETWORK, EngineOptions(target="nvidia", precision=precision))
    assert [provider.name for provider in chosen] == [TENSORRT, CUDA, CPU]
    flags = {name: chosen[0].options[f"trt_{name}_enable"] for name in ("fp16", "bf16", "int8")}
    assert flags == {name: str(name == flag) for name in flags}
    assert not any("cache" in name for name in chosen[0].options)
    without = providers_for(runtime_with(CUDA, CPU), NETWORK, EngineOptions(target="nvidia", precision=precision))
    assert [provider.name for provider in without] == [CUDA, CPU]
    assert computes_in(without[0], precision) == "f32"


def test_tensorrt_keeps_its_engines_in_the_cache(tmp_path) -> None:
    cache = BlobCache(tmp_path / "cache")
    folders = set()
    for network in (NETWORK, NetworkFiles(b"another")):
        for precision in ("f16", "bf16"):
            options = EngineOptions(target="nvidia", precision=precision, cache=cache)
            settings = providers_for(EVERYTHING, network, options)[0].options
            assert settings["trt_engine_cache_enable"] == settings["trt_timing_cache_enable"] == "True"
            folders.add(settings["trt_engine_cache_path"])
    assert folders == {str(path) for path in cache.folder.iterdir()}
    assert len(folders) == 4


def test_onnxruntime_has_no_intel_devices() -> None:
    with pytest.raises(EngineError, match="takes the engine openvino"):
        providers_for(EVERYTHING, NETWORK, EngineOptions(target="npu"))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_way_to_nvidia_with_the_processors_provider(precision: str) -> None:
    """Everything of that way that does not need the card: the session, its ports and its runs."""
    options = EngineOptions(target="nvidia", precision=precision).settled()
    with closing(OnnxRuntimeEngine(NetworkFiles(dense_network()), options, providers=(Provider(CPU),))) as engine:
        assert (engine.device, engine.computes, engine.precision) == (CPU, "f32", precision)
        with closing(open_engine(dense_network(), engine="onnxruntime")) as plain:
            assert np.array_equal(engine.run({"x": ROW})["y"], plain.run({"x": ROW})["y"])


def test_a_provider_that_does_not_start_is_no_silent_fallback(capfd: pytest.CaptureFixture[str]) -> None:
    if CUDA in import_onnxruntime().get_available_providers():
        pytest.skip("this ONNX Runtime has the CUDA provider")
    options = EngineOptions(target="nvidia").settled()
    with (
        pytest.warns(UserWarning, match="not in available provider names"),
        pytest.raises(EngineError, match=r"could not start it, and would run on CPUExecutionProvider"),
    ):
        OnnxRuntimeEngine(NetworkFiles(dense_network()), options, providers=(Provider(CUDA), Provider(CPU)))
    assert capfd.readouterr().out == ""


def test_an_artifact_says_its_target_engine_and_precision() -> None:
    artifact = dense_artifact(engine="onnxruntime", precision="bf16")
    with Model(artifact, cache=False) as model:
        model.run(ROW)
        assert (model.engine.name, model.engine.precision) == ("onnxruntime", "bf16")
    with pytest.raises(EngineError, match="needs the engine onnxruntime, it cannot run on openvino"):
        Model(artifact, engine="openvino", cache=False).run(ROW)


def test_another_target_than_the_artifacts() -> None:
    artifact = dense_artifact(target="nvidia")
    if CUDA not in import_onnxruntime().get_available_providers():
        with pytest.raises(EngineError, match="target nvidia"):
            load(artifact, cache=False).run(ROW)
    with load(artifact, target="cpu", cache=False) as model:
        assert model.run(ROW)[0].shape == (1, 8)
    with pytest.raises(OptionError, match="target"):
        load(artifact, target="tpu")


@pytest.mark.parametrize(
    "changed",
    [
        {"target": "npu", "engine": "onnxruntime"},
        {"target": "nvidia", "engine": "openvino"},
        {"target": "nvidia", "network": {"file": "network.onnx", "format": "openvino-ir"}},
        {"engine": "onnxruntime", "network": {"file": "network.onnx", "format": "openvino-ir"}},
        {"network": {"file": "network.onnx", "weights": "network.onnx"}},
        {"network": {"file": "network.onnx", "format": "openvino-ir", "external_data": ["network.onnx"]}},
        {"network": {"file": "network.onnx", "external_data": ["missing"]}},
        {
            "network": {"file": "deep/network.onnx", "external_data": ["a"]},
            "files": {"deep/network.onnx": b"", "a": b""},
        },
        {"precision": "fp32"},
        {"task": "detection"},
        {"decoder": {"kind": "poetry"}},
        {"batch": 2},
        {"selftest": {"file": "missing.npz", "tolerance": 1e-4}},
    ],
)
def test_manifests_that_contradict_themselves(changed: dict) -> None:
    with pytest.raises(ArtifactError, match="manifest: "):
        dense_artifact(**changed)
