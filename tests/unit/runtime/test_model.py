"""The model: one score for one picture through every entry, and errors that name their picture."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import belvedere
from belvedere.core.errors import ArtifactError, EngineError, ImageError, LimitError, OptionError
from belvedere.core.limits import Limits
from belvedere.runtime import Artifact, Model, load
from belvedere.tasks.anomaly.result import AnomalyResult
from helpers.artifacts import pictures, tiny_artifact, tiny_network

COUNT = 7
ENGINES = ("openvino", "onnxruntime")


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    return tiny_artifact(types=2)


@pytest.fixture(scope="module", params=ENGINES)
def model(request: pytest.FixtureRequest, artifact: Artifact) -> Iterator[Model]:
    with Model(artifact, engine=request.param) as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{number}.png" for number in range(COUNT)]
    for path, picture in zip(paths, pictures(COUNT), strict=True):
        Image.fromarray(picture).save(path)
    return paths


def same(first: AnomalyResult, second: AnomalyResult) -> bool:
    return (
        first.score == second.score
        and np.array_equal(first.grid, second.grid)
        and np.array_equal(first.type_grid, second.type_grid)
    )


def test_result_of_a_path(model: Model, files: list[Path]) -> None:
    result = model.predict(files[0])
    assert 0 <= result.score <= 1
    assert result.threshold == 0.5
    assert (result.width, result.height) == (80, 60)
    assert result.heatmap.shape == result.mask.shape == (60, 80)
    assert result.types == ("scratch", "stain")
    assert result.path == str(files[0])
    assert np.array_equal(result.image, pictures(1)[0])


def test_pictures_differ(model: Model, files: list[Path]) -> None:
    assert len({result.score for result in model.predict(files)}) == COUNT


def test_every_form_of_a_picture_gives_the_same_score(model: Model, files: list[Path]) -> None:
    expected = model.predict(files[0])
    array = pictures(1)[0]
    forms = [str(files[0]), files[0].read_bytes(), Image.open(files[0]), Image.fromarray(array), array]
    for form in forms:
        assert same(model.predict(form), expected), type(form)
    assert model.predict(array).path is None


def test_every_entry_gives_the_same_score(model: Model, files: list[Path]) -> None:
    expected = [model.predict(file) for file in files]
    entries = {
        "list": list(model.predict(files)),
        "tuple": list(model.predict(tuple(files))),
        "generator": list(model.predict(file for file in files)),
        "iterator": list(model.predict(iter(files))),
        "arrays": list(model.predict(pictures(COUNT))),
        "many": list(model.predict_many(files, on_error="return")),
    }
    with ThreadPoolExecutor(6) as pool:
        entries["threads"] = list(pool.map(model.predict, files))
    for entry, results in entries.items():
        assert len(results) == COUNT
        assert all(same(one, other) for one, other in zip(results, expected, strict=True)), entry


def test_streams_side_by_side_give_the_same_score(model: Model, files: list[Path]) -> None:
    expected = [model.predict(file).score for file in files]
    with ThreadPoolExecutor(4) as pool:
        streams = list(pool.map(lambda _: [r.score for r in model.predict(files * 2)], range(4)))
    assert streams == [expected * 2] * 4


def test_saved_and_loaded_gives_the_same_score(model: Model, files: list[Path], tmp_path: Path) -> None:
    expected = model.predict(files[0])
    for name in ("model", "model.tar.gz"):
        model.save(tmp_path / name)
        with load(tmp_path / name, engine=model.engine.name) as again:
            assert same(again.predict(files[0]), expected)
            assert again.artifact.digest == model.artifact.digest
    with load(model.artifact, engine=model.engine.name) as again:
        assert same(again.predict(files[0]), expected)


def test_engines_agree(artifact: Artifact, files: list[Path]) -> None:
    one, two = (list(Model(artifact, engine=engine).predict(files)) for engine in ENGINES)
    for first, second in zip(one, two, strict=True):
        assert abs(first.score - second.score) < 1e-4
        assert np.abs(first.grid - second.grid).max() < 1e-4


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("batch", [2, 4, 16])
def test_network_batches_stay_close_and_in_order(files: list[Path], engine: str, batch: int) -> None:
    expected = list(Model(tiny_artifact(types=2), engine=engine).predict(files))
    batched = Model(tiny_artifact(types=2, batch=batch), engine=engine)
    results = list(batched.predict(files))
    assert [result.path for result in results] == [str(file) for file in files]
    for one, other in zip(results, expected, strict=True):
        assert abs(one.score - other.score) <= 1e-5
    assert abs(batched.predict(files[0]).score - expected[0].score) <= 1e-5


@pytest.mark.parametrize("batch", [1, 3])
def test_errors_keep_their_place(files: list[Path], tmp_path: Path, batch: int) -> None:
    (tmp_path / "broken.png").write_bytes(files[0].read_bytes()[:200])
    items = [files[0], tmp_path / "broken.png", files[1], tmp_path / "missing.png", b"", *files[2:]]
    model = Model(tiny_artifact(types=2, batch=batch))
    found = list(model.predict_many(items, on_error="return"))
    kinds = [isinstance(one, ImageError) for one in found]
    assert kinds == [False, True, False, True, True, *[False] * (COUNT - 2)]
    assert "broken.png" in str(found[1])
    assert "missing.png" in str(found[3])
    stream = model.predict(items)
    assert next(stream).path == str(files[0])
    with pytest.raises(ImageError, match=r"broken\.png"):
        next(stream)
    assert list(stream) == []


def test_limits_hold(files: list[Path], artifact: Artifact) -> None:
    small = Model(artifact, limits=Limits(image_pixels=100))
    with pytest.raises(LimitError):
        small.predict(files[0])
    assert [type(one) for one in small.predict_many(files[:2], on_error="return")] == [LimitError] * 2


def test_an_iterable_is_read_lazily_and_boundedly(model: Model) -> None:
    pulled = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal pulled
        while True:
            pulled += 1
            yield pictures(1)[0]

    stream = model.predict(endless())
    assert pulled == 0
    next(stream)
    assert 1 <= pulled <= 17
    stream.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("belvedere")]


@pytest.mark.parametrize("source", [None, 3, object(), np.zeros((4, 4, 3, 3), np.uint8)])
def test_what_is_no_picture(model: Model, source: object) -> None:
    with pytest.raises(ImageError):
        model.predict(source)  # type: ignore[call-overload]


def test_a_wrong_item_of_a_list_is_an_image_error(model: Model) -> None:
    assert isinstance(next(model.predict_many([None], on_error="return")), ImageError)


@pytest.mark.parametrize("wanted", [True, False])
def test_exif_as_the_manifest_says(tmp_path: Path, wanted: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pictures(1)[0]).save(tmp_path / "turned.jpg", exif=exif)
    document = tiny_artifact().manifest.inputs[0].model_dump(mode="json")
    model = Model(tiny_artifact(inputs=[{**document, "exif": wanted}]))
    result = model.predict(tmp_path / "turned.jpg")
    assert (result.width, result.height) == ((60, 80) if wanted else (80, 60))


def test_run_gives_the_outputs_in_the_manifests_order(model: Model) -> None:
    tensor = np.random.default_rng(0).standard_normal((5, 3, 32, 48)).astype(np.float32)
    score, heatmap, types = model.run({"image": tensor})
    assert (score.shape, heatmap.shape, types.shape) == ((5,), (5, 8, 12), (5, 3, 8, 12))
    alone = model.run({"image": tensor[3:4]})
    assert alone[0][0] == score[3]
    assert np.array_equal(alone[1][0], heatmap[3])


def test_score_can_be_reproduced_from_manifest_and_network(artifact: Artifact, files: list[Path]) -> None:
    """By hand, from what the manifest says, with Pillow, numpy and ONNX Runtime alone."""
    import onnxruntime

    wanted = artifact.manifest.inputs[0]
    size = (wanted.resize.width, wanted.resize.height)
    rgb = np.asarray(Image.open(files[0]).convert("RGB").resize(size, Image.Resampling.BILINEAR), np.float32)
    values = (rgb * np.float32(wanted.scale) - np.float32(wanted.mean)) / np.float32(wanted.std)
    session = onnxruntime.InferenceSession(artifact.network, providers=["CPUExecutionProvider"])
    score = session.run(["score"], {"image": values.transpose(2, 0, 1)[None]})[0][0]
    assert abs(Model(artifact).predict(files[0]).score - score) < 1e-4


def test_an_output_that_the_network_lacks(artifact: Artifact, files: list[Path]) -> None:
    without_types = tiny_artifact(types=2, files={"network.onnx": tiny_network(types=0)})
    with pytest.raises(EngineError, match="lacks outputs that the manifest lists: types"):
        Model(without_types).predict(files[0])


def test_a_network_that_is_none(files: list[Path]) -> None:
    model = Model(tiny_artifact(files={"network.onnx": b"no network"}))
    with pytest.raises(EngineError, match="refuses the network"):
        model.predict(files[0])
    with pytest.raises(EngineError, match="refuses the network"):
        list(model.predict_many(files, on_error="return"))


def test_the_engine_is_opened_once_and_on_first_use(
    artifact: Artifact, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from belvedere.runtime import model as module

    opened = []
    original = module.open_engine

    def counted(*args, **kwargs):
        opened.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(module, "open_engine", counted)
    model = Model(artifact)
    assert opened == []
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(model.predict, files * 3))
    assert opened == [1]


def test_closed(artifact: Artifact, files: list[Path]) -> None:
    with Model(artifact) as model:
        stream = model.predict(files * 3)
        next(stream)
    with pytest.raises(EngineError, match="closed"):
        model.predict(files[0])
    with pytest.raises(EngineError, match="closed"):
        list(stream)
    model.close()


@pytest.mark.parametrize("options", [{"engine": "cuda"}, {"threads": 0}])
def test_options_are_checked_at_once(artifact: Artifact, options: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        load(artifact, **options)


def test_on_error_is_checked_at_once(model: Model) -> None:
    with pytest.raises(OptionError, match="on_error"):
        model.predict_many([], on_error="ignore")  # type: ignore[call-overload]


def test_threads_reach_the_engine(artifact: Artifact) -> None:
    assert Model(artifact, threads=1).engine.threads == 1


def test_an_unknown_task_names_the_known_ones() -> None:
    with pytest.raises(ArtifactError, match=r"'tiny' is for the task 'pose', its decoder is 'anomaly'"):
        Model(tiny_artifact(task="pose"))


def test_repr_tells_name_task_size_digest(artifact: Artifact) -> None:
    assert repr(Model(artifact)) == f"<Model 'tiny': anomaly, 48x32, digest {artifact.digest[:12]}>"


def test_evaluate_goes_through_the_facade(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(belvedere, "evaluate", lambda *args, **kwargs: calls.append((args, kwargs)), raising=False)
    model, dataset = Model(artifact), SimpleNamespace()
    model.evaluate(dataset, seed=3)
    assert calls == [((model, dataset), {"seed": 3})]


def test_open_files_are_pictures(model: Model, files: list[Path]) -> None:
    expected = model.predict(files[0])
    data = files[0].read_bytes()
    assert same(model.predict(io.BytesIO(data)), expected)
    with files[0].open("rb") as stream:
        found = model.predict(stream)
    assert same(found, expected)
    assert found.path == str(files[0])
    many = list(model.predict_many([io.BytesIO(data), io.BytesIO(b"no picture")], on_error="return"))
    assert same(many[0], expected)
    assert isinstance(many[1], ImageError)
    with files[0].open() as text, pytest.raises(ImageError, match=r"opened as text.*'rb'"):
        model.predict(text)  # type: ignore[arg-type]


def test_bytes_like_pictures(model: Model, files: list[Path]) -> None:
    expected = model.predict(files[0]).score
    data = files[0].read_bytes()
    assert model.predict(bytearray(data)).score == expected  # type: ignore[call-overload]
    assert [result.score for result in model.predict([io.BytesIO(data).getvalue()])] == [expected]
