"""Backbones from a hub: fetched once, exported, trained on, and run without torch. The hub runs in this process."""

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

from belvedere.runtime import Artifact
from helpers.checkpoints import PREPROCESSOR, make_checkpoint
from helpers.hub import LocalHub, commit_of, hub_environment, local_hub, needs_train_extra
from helpers.parts import write_parts

pytestmark = [pytest.mark.train_extra, pytest.mark.slow, needs_train_extra]

NETWORK_FILES = {"config.json", "preprocessor_config.json", "README.md", "model.safetensors"}

# Fetches only, so torch is not loaded; prints what was found, or the error.
FETCH = """
import json, sys
from belvedere.core.errors import BelvedereError
from belvedere.training.backbones.catalogue import find
from belvedere.training.backbones.checkpoint import fetch_checkpoint, fetch_weights
found, told = [], []
for name in sys.argv[1:]:
    try:
        checkpoint = fetch_checkpoint(find(name))
        path = fetch_weights(find(name), checkpoint.revision, lambda done, total: told.append((done, total)))
        found.append({"licence": checkpoint.licence, "mean": checkpoint.mean, "std": checkpoint.std,
                      "revision": checkpoint.revision, "bytes": path.stat().st_size, "told": told})
    except BelvedereError as error:
        found.append({"error": type(error).__name__, "message": str(error)})
assert "torch" not in sys.modules
print(json.dumps(found))
"""

# Torch and what comes with it cannot be imported; the bundled program must not try.
BLOCKED = """
import sys
for name in ("torch", "transformers", "huggingface_hub", "safetensors"):
    sys.modules[name] = None
from belvedere.cli import main
main(sys.argv[1:])
"""


@dataclass(frozen=True)
class Place:
    """A hub that may be stopped, and a cache."""

    hub: LocalHub
    cache: Path

    def run(self, code: str, *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, words)],
            env=hub_environment(self.hub.url, self.cache, **variables),
            capture_output=True, text=True, check=False, timeout=500,
        )  # fmt: skip

    def fetch(self, *names: str, **variables: str) -> list[dict[str, Any]]:
        done = self.run(FETCH, *names, **variables)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Repositories good and bad."""
    folder = tmp_path_factory.mktemp("hub")
    good = make_checkpoint(folder / "tiny" / "dinov2", "dinov2")
    # What a published repository has beside: code and pickled weights, which nobody may fetch.
    (good / "modeling.py").write_text("raise SystemExit('repository code was run')")
    (good / "pytorch_model.bin").write_bytes(b"\x80\x04pickled")
    shutil.copytree(
        make_checkpoint(folder / "microsoft" / "resnet-50", "resnet", classifier=True), folder / "tiny" / "r"
    )
    for name in ("pickled", "no-card", "other", "no-mean", "broken", "no-config"):
        shutil.copytree(good, folder / "tiny" / name)
    (folder / "tiny" / "pickled" / "model.safetensors").unlink()
    (folder / "tiny" / "no-card" / "README.md").unlink()
    (folder / "tiny" / "other" / "README.md").write_text("---\nlicense: 'other'\n---\nlicense: mit\n")
    (folder / "tiny" / "no-mean" / "preprocessor_config.json").write_text(json.dumps({"image_mean": [1, 2]}))
    (folder / "tiny" / "broken" / "config.json").write_text("[" * 100_000)
    (folder / "tiny" / "no-config" / "config.json").unlink()
    return folder


@pytest.fixture
def place(repositories: Path, tmp_path: Path) -> Iterator[Place]:
    with local_hub(repositories) as hub:
        yield Place(hub, tmp_path / "cache")


def test_fetching(place: Place) -> None:
    names = ["hub:tiny/dinov2", "hub:tiny/dinov2@v1", "hub:tiny/no-card", "hub:tiny/other", "resnet-50"]
    found = place.fetch(*names)
    assert [item.get("licence") for item in found] == [
        "Apache-2.0", "Apache-2.0", "NOASSERTION", "LicenseRef-other", "Apache-2.0",
    ]  # fmt: skip
    assert found[0]["revision"] == found[1]["revision"] == commit_of("tiny/dinov2")
    assert (found[0]["mean"], found[0]["std"]) == (PREPROCESSOR["image_mean"], PREPROCESSOR["image_std"])
    assert found[0]["bytes"] > 10_000
    assert found[0]["told"], "the download told nothing"
    files = {path.split("?")[0].rpartition("/")[2] for path in place.hub.asked}
    assert files == NETWORK_FILES
    # After the branch is resolved, everything is of its commit.
    wanted = [line for line in place.hub.asked if "tiny/dinov2/" in line and not line.endswith("config.json")]
    assert wanted
    assert all(f"/resolve/{commit_of('tiny/dinov2')}/" in line for line in wanted)


def test_the_cache_is_enough(place: Place) -> None:
    first = place.fetch("hub:tiny/dinov2")[0]
    asked = len(place.hub.asked)
    offline = place.fetch("hub:tiny/dinov2", HF_HUB_OFFLINE="1")[0]
    assert len(place.hub.asked) == asked
    assert {**offline, "told": 0} == {**first, "told": 0}
    place.hub.shutdown()
    place.hub.server_close()
    unreachable = place.fetch("hub:tiny/dinov2")[0]
    assert {**unreachable, "told": 0} == {**first, "told": 0}


def test_what_is_wrong_is_named(place: Place) -> None:
    names = {
        "hub:tiny/nobody": "no repository tiny/nobody",
        "hub:tiny/dinov2@v9": "has no revision 'v9'",
        "hub:tiny/pickled": "no model.safetensors: weights in one safetensors file are needed, pickled",
        "hub:tiny/no-config": "has no config.json",
        "hub:tiny/no-mean": "says image_mean",
        "hub:tiny/broken": "config.json of tiny/broken is not a JSON object",
        "dinov2-small": "no repository facebook/dinov2-small",
    }
    for (name, message), found in zip(names.items(), place.fetch(*names), strict=True):
        assert found.get("error") == "TrainingError", name
        assert message in found["message"]
        assert f"backbone {name}: " in found["message"]
    assert not [line for line in place.hub.asked if line.endswith((".bin", ".py"))]


def test_an_empty_cache_without_the_hub(place: Place) -> None:
    found = place.fetch("hub:tiny/dinov2", HF_HUB_OFFLINE="1")[0]
    assert found["error"] == "TrainingError"
    for part in ("config.json of tiny/dinov2", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_HUB_CACHE"):
        assert part in found["message"]
    assert place.hub.asked == []


def test_training_with_patches_of_14_pixels_in_tiles(place: Place, tmp_path: Path) -> None:
    pictures = write_parts(tmp_path / "pictures", 6, 4, size=(320, 240))
    program = "import sys; from belvedere.cli import main; main(sys.argv[1:])"
    name = "hub:tiny/dinov2@v1"
    words = ["train", pictures, "--task", "anomaly", "--size", "300", "--tile", "--backbone", name, "--name", "part"]
    done = place.run(program, *words, "--out", tmp_path / "first.tar.gz", "--json")
    assert done.returncode == 0, done.stderr
    # Nothing but notes about the pictures: no bars, no reports, no warnings of libraries.
    assert [line for line in done.stderr.splitlines() if not line.startswith("belvedere: normal/")] == []
    facts = json.loads(done.stdout)
    backbone = facts["training"]["backbone"]
    assert (backbone["name"], backbone["licence"]) == (name, "Apache-2.0")
    assert f"tiny/dinov2 at {commit_of('tiny/dinov2')}" in backbone["origin"]

    again = place.run(program, *words, "--out", tmp_path / "again.tar.gz", "--json", HF_HUB_OFFLINE="1")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["digest"] == facts["digest"]

    sides = Artifact.load(tmp_path / "first.tar.gz").manifest.inputs[0].shape[2:]
    assert all(side % 14 == 0 for side in sides)
    assert max(sides) > 256, "one window is enough: the tiles are not tested"
    scored = [json.loads(line) for line in _scores(place, tmp_path / "first.tar.gz", pictures)]
    assert len(scored) == 10
    assert all(0 <= line["score"] <= 1 for line in scored)


def test_training_with_a_convolutional_network(place: Place, tmp_path: Path) -> None:
    pictures = write_parts(tmp_path / "pictures", 8)
    code = (
        "import sys, belvedere as bv\n"
        "stages = set()\n"
        "model = bv.train(sys.argv[1], backbone='resnet-50', size=96, progress=lambda s, d, t: stages.add(s))\n"
        "model.save(sys.argv[2])\n"
        "assert 'exporting the backbone' in stages, stages\n"
    )
    done = place.run(code, pictures, tmp_path / "part.tar.gz")
    assert done.returncode == 0, done.stderr
    assert len(_scores(place, tmp_path / "part.tar.gz", pictures)) == 8


def _scores(place: Place, model: Path, pictures: Path) -> list[str]:
    done = place.run(BLOCKED, "predict", model, pictures / "normal", *_faulty(pictures), "--json")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _faulty(pictures: Path) -> list[Path]:
    return [pictures / "anomaly"] if (pictures / "anomaly").is_dir() else []


def test_training_says_what_is_wrong_with_the_backbone(place: Place, tmp_path: Path) -> None:
    pictures = write_parts(tmp_path / "pictures", 4)
    program = "import sys; from belvedere.cli import main; main(sys.argv[1:])"
    words = ["train", pictures, "--task", "anomaly", "--backbone", "hub:tiny/pickled", "--out", tmp_path / "m.tar.gz"]
    done = place.run(program, *words)
    assert done.returncode == 1
    assert "has no model.safetensors" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "m.tar.gz").exists()
