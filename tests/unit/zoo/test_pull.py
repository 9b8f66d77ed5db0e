"""``belvedere models pull``: a real download from a hub in this process. Needs the hub's library, not torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helpers.hub import LocalHub, commit_of, hub_environment, local_hub, needs_train_extra

pytestmark = [pytest.mark.train_extra, pytest.mark.slow, needs_train_extra]

PROGRAM = """
import sys
from belvedere.cli.root import run
code = run(sys.argv[1:])
assert "torch" not in sys.modules and "transformers" not in sys.modules
sys.exit(code)
"""
CONFIG = {"model_type": "vit", "architectures": ["ViTForImageClassification"], "id2label": {"0": "cat", "1": "dog"}}
PREPROCESSOR = {"size": 224, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
BYTES = bytes(range(256)) * 50_000
"""Over the 10 MB in which the hub's library writes, so that there is something to continue."""


@dataclass(frozen=True)
class Place:
    hub: LocalHub
    cache: Path

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, "models", *words],
            env=hub_environment(self.hub.url, self.cache, BELVEDERE_CACHE="off", **variables),
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    def pull(self, name: str, **variables: str) -> dict[str, Any]:
        done = self.run("pull", name, "--json", **variables)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    good = folder / "tiny" / "vit"
    good.mkdir(parents=True)
    (good / "config.json").write_text(json.dumps(CONFIG))
    (good / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    (good / "model.safetensors").write_bytes(BYTES)
    (good / "README.md").write_text("---\nlicense: mit\n---\n")
    # What a published repository has beside: code and pickled weights, which nobody may fetch.
    (good / "modeling.py").write_text("raise SystemExit('repository code was run')")
    (good / "pytorch_model.bin").write_bytes(b"\x80\x04pickled")
    for name in ("pickled", "timm", "other"):
        shutil.copytree(good, folder / "tiny" / name)
    (folder / "tiny" / "pickled" / "model.safetensors").unlink()
    timm = {"model_type": "detr", "architectures": ["DetrForObjectDetection"], "backbone": "resnet50"}
    (folder / "tiny" / "timm" / "config.json").write_text(json.dumps(timm))
    (folder / "tiny" / "other" / "config.json").write_text(json.dumps({"architectures": ["BertModel"]}))
    return folder


@pytest.fixture
def place(repositories: Path, tmp_path: Path) -> Iterator[Place]:
    with local_hub(repositories) as hub:
        yield Place(hub, tmp_path / "cache")


def test_a_commit_is_fetched_and_recorded(place: Place) -> None:
    found = place.pull("hub:tiny/vit")
    assert (found["commit"], found["licence"], found["bytes"]) == (commit_of("tiny/vit"), "MIT", len(BYTES))
    assert (Path(found["folder"]) / "model.safetensors").read_bytes() == BYTES
    assert not [line for line in place.hub.asked if line.endswith((".bin", ".py"))]
    # After the branch is looked up, everything is of its commit.
    wanted = [line for line in place.hub.asked if not line.endswith("config.json")]
    assert all(f"/resolve/{commit_of('tiny/vit')}/" in line for line in wanted)
    assert place.pull(f"hub:tiny/vit@{commit_of('tiny/vit')}")["commit"] == found["commit"]
    assert place.pull("hub:tiny/vit@v1")["revision"] == "v1"
    shown = place.run("show", "hub:tiny/vit", "--json")
    assert json.loads(shown.stdout)["commit"] == found["commit"]


def test_a_broken_download_is_continued(place: Place) -> None:
    place.hub.cut = 11_000_000
    found = place.pull("hub:tiny/vit")
    assert place.hub.cut == 0, "nothing was broken"
    assert (Path(found["folder"]) / "model.safetensors").read_bytes() == BYTES
    (asked,) = place.hub.ranges
    assert 0 < int(asked.removeprefix("bytes=").partition("-")[0]) < len(BYTES)


@pytest.mark.parametrize("variable", ["BELVEDERE_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline(place: Place, variable: str) -> None:
    missing = place.run("pull", "hub:tiny/vit", **{variable: "1"})
    assert missing.returncode == 1
    for text in ("config.json of tiny/vit is not in the cache", "HF_ENDPOINT", "BELVEDERE_OFFLINE", "HF_HUB_CACHE"):
        assert text in missing.stderr
    assert not place.hub.asked
    first = place.pull("hub:tiny/vit")
    asked = len(place.hub.asked)
    assert place.pull("hub:tiny/vit", **{variable: "1"}) == first
    assert len(place.hub.asked) == asked


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hub:tiny/nobody", "the hub has no repository tiny/nobody"),
        ("hub:tiny/vit@v9", "has no revision 'v9'"),
        ("hub:tiny/pickled", "no model.safetensors: weights in one safetensors file are needed, pickled ones"),
        ("hub:tiny/timm", "its backbone (resnet50) is one of timm"),
        ("hub:tiny/other", "config.json says architectures ['BertModel']"),
    ],
)
def test_what_is_wrong_is_named(place: Place, name: str, message: str) -> None:
    done = place.run("pull", name)
    assert done.returncode == 1
    assert message in done.stderr
    assert name in done.stderr
    assert not [line for line in place.hub.asked if line.endswith((".bin", ".py"))]


def test_a_file_over_the_limit_is_not_fetched(place: Place) -> None:
    smaller = "import belvedere.zoo.hub.checkpoint as checkpoint\ncheckpoint.LARGEST_WEIGHTS = 1000\n"
    code = PROGRAM.replace("code = run", smaller + "code = run")
    done = subprocess.run(
        [sys.executable, "-c", code, "models", "pull", "hub:tiny/vit"],
        env=hub_environment(place.hub.url, place.cache), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"model.safetensors of tiny/vit has {len(BYTES)} bytes, the most is 1000" in done.stderr
    assert not [line for line in place.hub.asked if line.startswith("GET") and "safetensors" in line]
