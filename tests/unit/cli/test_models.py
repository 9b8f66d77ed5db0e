"""``belvedere models``: the zoo on the command line, and names where a model is expected."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from belvedere.cli.root import run
from belvedere.runtime import Artifact
from belvedere.zoo import entries

# What the extra brings cannot be imported; Belvedere itself must not need it for names.
BLOCKED = """
import sys
for name in {names!r}:
    sys.modules[name] = None
from belvedere.cli import main
main(sys.argv[1:])
"""
EXTRA = ("torch", "transformers", "huggingface_hub", "safetensors")


def blocked(names: tuple[str, ...], *words: str) -> subprocess.CompletedProcess[str]:
    code = BLOCKED.format(names=names)
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, timeout=300
    )


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list"]) == 0
    out = capsys.readouterr().out
    assert "name" in out.splitlines()[0]
    for name in entries():
        assert f"{name} " in out
    assert "COCO AP 48.1" in out


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list", "--json", "--task", "detection", "--source", "hub"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["task"] for row in rows} == {"detection"}
    first = next(row for row in rows if row["name"] == "rt-detr-v2-r18")
    assert first["origin"] == "hub PekingU/rtdetr_v2_r18vd@main"
    assert first["metric"] == {"name": "COCO AP", "value": 48.1, "source": "https://github.com/lyuwenyu/RT-DETR"}
    assert (first["licence"], first["input"], first["decoder"]) == ("Apache-2.0", "640x640", "rt-detr")
    assert first["bytes"] == 4 * first["parameters"]


def test_a_task_that_nothing_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list", "--task", "cooking"]) == 0
    assert "no model of the zoo does 'cooking'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rt-detr-v2-r18", ["the [train] extra", "belvedere models pull rt-detr-v2-r18", "COCO AP 48.1", "rt-detr"]),
        ("yolo3_darknet53_coco", ["your .params file", "gluoncv-yolo3", "416x416"]),
        ("belvedere-s", ["comes with the package", "Apache-2.0"]),
    ],
)
def test_show(name: str, expected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "show", name]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{name}: ")
    for text in expected:
        assert text in out


def test_unknown_names(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for words in (["show", "rtdetr-v2-r18"], ["pull", "rtdetr-v2-r18"], ["export", "rtdetr-v2-r18", "--out", "x.tar"]):
        assert run(["models", *words[:-1], *([str(tmp_path / "x.tar")] if "--out" in words else words[-1:])]) == 2
        assert "did you mean rt-detr-v2-r18" in capsys.readouterr().err
    assert run(["inspect", "belvedere-x"]) == 1
    assert "neither an artifact nor a model of the zoo: did you mean belvedere-s" in capsys.readouterr().err


def test_a_bundled_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "backbone.tar.gz"
    assert run(["models", "pull", "belvedere-s"]) == 0
    assert run(["models", "export", "belvedere-s", "--out", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["digest"] == Artifact.load(out).digest
    assert (facts["task"], facts["zoo"]["source"]) == ("tensor", "bundled")
    # Equal calls give equal artifacts.
    assert run(["models", "export", "belvedere-s", "--out", str(tmp_path / "again.tar.gz")]) == 0
    assert (tmp_path / "again.tar.gz").read_bytes() == out.read_bytes()
    assert run(["models", "export", "belvedere-s", "--out", str(out), "--size", "64x64"]) == 2


def test_names_where_a_model_is_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["inspect", "belvedere-s", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "belvedere-s"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "belvedere-s").mkdir()
    assert run(["inspect", "belvedere-s"]) == 0
    assert run(["inspect", "./belvedere-s"]) == 1


def test_weights_that_are_the_users(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["models", "pull", "yolo3_darknet53_coco"]) == 2
    assert "--weights FILE.params" in capsys.readouterr().err
    assert run(["models", "export", "yolo3_darknet53_coco", "--out", str(tmp_path / "x.tar")]) == 2
    assert "--weights FILE.params" in capsys.readouterr().err


@pytest.mark.slow
def test_without_the_extra(tmp_path: Path) -> None:
    assert blocked(EXTRA, "models", "list").returncode == 0
    shown = blocked(EXTRA, "models", "show", "rt-detr-v2-r18")
    assert shown.returncode == 0, shown.stderr
    pulled = blocked(EXTRA, "models", "pull", "rt-detr-v2-r18")
    assert pulled.returncode == 1
    assert "Model rt-detr-v2-r18 needs the [train] extra: pip install 'belvedere[train]'" in pulled.stderr
    made = blocked(("torch",), "models", "export", "rt-detr-v2-r18", "--out", str(tmp_path / "x.tar"))
    assert made.returncode == 1
    assert "needs the [train] extra" in made.stderr
