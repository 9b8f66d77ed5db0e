"""``belvedere run`` and ``belvedere shims``: a user's script, unchanged, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from belvedere.cli.root import run
from belvedere.cli.shims import shims_folder
from belvedere.data.open import open_dataset
from belvedere.runtime import Artifact, Model
from belvedere.training.anomaly import TrainOptions, train
from helpers.features import tiny_backbone
from helpers.parts import part, write_parts
from helpers.tensors import node, onnx_network, tensor_artifact

PROGRAM = [sys.executable, "-c", "from belvedere.cli import main; main()"]

# As people wrote it to look into the packages that Lookout for Vision exported.
LOOKOUT = """
import sys
import numpy as np
from PIL import Image
import dlr

folder, picture, width, height = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
mean, std, kernel = float(sys.argv[5]), float(sys.argv[6]), sys.argv[7]
image = Image.open(picture).convert("RGB").resize((width, height), getattr(Image, kernel))
x = np.array(image) / 255.0
x = (x - np.array([mean] * 3)) / np.array([std] * 3)
x = np.expand_dims(x.transpose(2, 0, 1), 0)

model = dlr.DLRModel(folder, 'gpu', 0)
y = model.run(x)
print(type(y).__name__, len(y))
print(float(y[0][0][0]), float(y[0][0][1]))
"""


@pytest.fixture
def script(tmp_path: Path):
    def write(text: str, name: str = "script.py") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    parts = write_parts(tmp_path_factory.mktemp("parts") / "set", 8, 6)
    return train(open_dataset(parts), TrainOptions(size=96, seed=3, name="plates"), backbone=tiny_backbone(24))


def output_of(script: Path, *words: str, **settings) -> subprocess.CompletedProcess[str]:
    line = [*PROGRAM, "run", str(script), *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["mochi", "mochi/model.tar.gz"])
def test_the_lookout_script_on_a_trained_model(trained: Artifact, tmp_path: Path, script, form: str) -> None:
    (tmp_path / form).parent.mkdir(exist_ok=True)
    trained.save(tmp_path / form)
    picture = tmp_path / "part.png"
    Image.fromarray(part(777, "blob")[0]).save(picture)
    taken = trained.manifest.inputs[0]
    size = taken.resize
    words = [size.width, size.height, taken.mean[0], taken.std[0], size.kernel.upper()]
    done = output_of(script(LOOKOUT), "./mochi/", str(picture), *map(str, words), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    kind, scores = done.stdout.splitlines()
    anomaly, normal = map(float, scores.split())
    with Model(trained) as model:
        expected = model.predict(picture).score
    assert kind.split()[0] == "list"
    assert abs(anomaly - expected) < 1e-3
    assert abs(anomaly + normal - 1) < 1e-6
    assert done.stderr.count("dev_type 'gpu' cannot be had") in (0, 1)


@pytest.mark.slow
def test_the_lookout_script_on_a_tensor_model(tmp_path: Path, script) -> None:
    ports = [("data", "float32", [1, 3, 24, 32])], [("classes", "float32", [1, 2])]
    weights = np.random.default_rng(0).standard_normal((3, 2)).astype(np.float32)
    nodes = [
        node("ReduceMean", ["data"], ["mean"], axes=[2, 3], keepdims=0),
        node("MatMul", ["mean", "w"], ["logits"]),
        node("Softmax", ["logits"], ["classes"]),
    ]
    tensor_artifact(onnx_network(nodes, *ports, {"w": weights}), *ports).save(tmp_path / "compiled")
    picture = tmp_path / "part.png"
    Image.fromarray(part(3)[0]).save(picture)
    words = ["32", "24", "0.45", "0.225", "BILINEAR"]
    done = output_of(script(LOOKOUT), "compiled", str(picture), *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    kind, scores = done.stdout.splitlines()
    assert kind == "list 1"
    x = np.array(Image.open(picture).convert("RGB").resize((32, 24), Image.Resampling.BILINEAR)) / 255.0
    means = ((x - 0.45) / 0.225).mean(axis=(0, 1)) @ weights
    expected = np.exp(means) / np.exp(means).sum()
    np.testing.assert_allclose([float(one) for one in scores.split()], expected, atol=1e-5)


def test_arguments_streams_and_exit_code_are_the_scripts(script) -> None:
    text = "import sys; print(sys.argv[1:]); print(sys.stdin.read(), file=sys.stderr); sys.exit(7)"
    words = ["--debug", "-h", "--", "a b", "--help", ""]
    done = output_of(script(text), *words, input="typed")
    assert done.returncode == 7
    assert done.stdout == f"{words}\n"
    assert done.stderr == "typed\n"


def test_a_script_sees_itself_as_python_would_show_it(script) -> None:
    path = script("import sys, os; print(__name__, sys.argv[0], sys.path[0], __file__)", "my script.py")
    done = output_of(path)
    assert done.stdout.split("\n")[0] == f"__main__ {path} {path.parent} {path}"


def test_errors_of_the_script_are_its_own(script) -> None:
    done = output_of(script("raise KeyError('mine')"))
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("KeyError: 'mine'")
    assert "belvedere:" not in done.stderr


def test_the_path_keeps_what_it_had(script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.py").write_text("x = 1")
    (tmp_path / "own" / "dlr.py").write_text("raise SystemExit('the other one')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "own"))
    done = output_of(script("import mine, dlr; print(dlr.__file__)"))
    assert done.stdout.startswith(str(shims_folder())), done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_reach_the_script(script, number: int) -> None:
    text = (
        "import signal, sys, time\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(40))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    line = [*PROGRAM, "run", str(script(text))]
    # A test run in the background of a shell is started with interrupts ignored, and hands that on.
    starter = f"import signal, os; signal.signal({int(number)}, signal.SIG_DFL); os.execv({line[0]!r}, {line!r})"
    with subprocess.Popen([sys.executable, "-c", starter], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as done:
        assert done.stdout is not None
        assert done.stdout.readline() == b"ready\n"
        done.send_signal(number)
        assert done.wait(30) == 40


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_that_ends_the_script_shows_in_the_exit_code(script, number: int) -> None:
    done = output_of(script(f"import os; os.kill(os.getpid(), {int(number)})"))
    assert done.returncode == 128 + number


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_ignored_hangup_stays_ignored(script) -> None:
    text = "import signal; print(signal.getsignal(signal.SIGHUP).name)"
    line = [*PROGRAM, "run", str(script(text))]
    starter = f"import signal, os; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv({line[0]!r}, {line!r})"
    done = subprocess.run([sys.executable, "-c", starter], capture_output=True, text=True, check=True)
    assert done.stdout == "SIG_IGN\n"


@pytest.mark.parametrize("words", [["run"], ["run", "missing.py"], ["run", "."]])
def test_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert "Usage: belvedere run" in capsys.readouterr().err


def test_debug_before_run_is_ours() -> None:
    from belvedere.cli.root import _take_debug

    assert _take_debug(["--debug", "run", "x.py", "--debug"]) == (["run", "x.py", "--debug"], True)
    assert _take_debug(["run", "x.py", "--debug", "--"]) == (["run", "x.py", "--debug", "--"], False)
    assert _take_debug(["predict", "run", "--debug"]) == (["predict", "run"], True)


def test_shims_prints_the_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["shims"]) == 0
    folder = Path(capsys.readouterr().out.rstrip("\n"))
    assert (folder / "dlr" / "__init__.py").is_file()
    assert not (folder / "__init__.py").exists()
    code = "import dlr; print(dlr.DLRModel.__name__)"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "DLRModel\n"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_in_a_thread_signals_are_left_to_who_embeds_us(script, capfd: pytest.CaptureFixture[str]) -> None:
    import threading

    codes = []
    thread = threading.Thread(target=lambda: codes.append(run(["run", str(script("print('hello')"))])))
    thread.start()
    thread.join(30)
    assert codes == [0]
    assert capfd.readouterr().out == "hello\n"


@pytest.mark.parametrize("name", ["neomx", "neomxnet", "neopytorch"])
def test_scripts_that_import_the_extensions_of_neo_go_on(script, name: str) -> None:
    done = output_of(script(f"import {name}\nprint({name}.__doc__.split('``')[1])"))
    assert (done.returncode, done.stdout) == (0, f"{name}\n"), done.stderr
