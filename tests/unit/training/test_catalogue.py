"""Names of backbones, with and without the [train] extra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import belvedere
from belvedere.core.errors import OptionError, TrainingError
from belvedere.training.backbones import BUNDLED, bundled_backbone
from belvedere.training.backbones.catalogue import FAMILIES, HUB, check_name, find, fitted


@pytest.mark.parametrize("name", sorted(HUB))
def test_rows_are_complete(name: str) -> None:
    row = HUB[name]
    assert row.name == name
    assert name not in BUNDLED
    assert row.repository.count("/") == 1
    assert row.family in FAMILIES
    assert row.stride > 0
    assert row.layers == tuple(sorted(set(row.layers)))
    assert row.licence
    assert find(name) == row


@pytest.mark.parametrize(
    ("name", "repository", "revision"),
    [
        ("dinov2-small", "facebook/dinov2-small", "main"),
        ("resnet-50@v1.0", "microsoft/resnet-50", "v1.0"),
        ("hub:someone/net", "someone/net", "main"),
        ("hub:someone/net.v2@refs/pr/1", "someone/net.v2", "refs/pr/1"),
    ],
)
def test_find(name: str, repository: str, revision: str) -> None:
    row = find(name)
    assert (row.name, row.repository, row.revision) == (name, repository, revision)
    check_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "dinov2", "DINOV2-small", "dinov2-small@", "resnet-50@../x", "hub:", "hub:net", "hub:a/b/c", "hub:../b",
     "hub:a/b@", "hub:a b/c", "https://a/b", "belvedere-s@main"],
)  # fmt: skip
def test_names_that_there_are_not(name: str) -> None:
    with pytest.raises(OptionError, match="backbone"):
        check_name(name)


def test_unknown_names_are_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(OptionError) as caught:
        belvedere.train(tmp_path / "missing", backbone="dino")
    for name in (*BUNDLED, *HUB, "hub:OWNER/REPO"):
        assert name in str(caught.value)


def test_the_trainer_itself_knows_the_bundled_ones() -> None:
    with pytest.raises(OptionError, match=r"belvedere\.train"):
        bundled_backbone("dinov2-small")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "dinov2", "patch_size": 14, "num_hidden_layers": 12}, ("dinov2", 14, (8, 11))),
        ({"model_type": "dinov2", "patch_size": 16, "num_hidden_layers": 24}, ("dinov2", 16, (16, 22))),
        ({"model_type": "dinov2", "num_hidden_layers": 2}, ("dinov2", 14, (1, 2))),
        ({"model_type": "dinov2_with_registers", "num_hidden_layers": 3}, ("dinov2_with_registers", 14, (2, 3))),
        ({"model_type": "resnet"}, ("resnet", 8, (2, 3))),
        ({"model_type": "convnext", "num_channels": 3}, ("convnext", 8, (2, 3))),
    ],
)
def test_layers_of_other_repositories(config: dict[str, Any], expected: tuple[str, int, tuple[int, ...]]) -> None:
    row = fitted(find("hub:someone/net"), config)
    assert (row.family, row.stride, row.layers) == expected


@pytest.mark.parametrize("name", ["dinov2-small", "dinov2-base"])
def test_rows_follow_the_same_rule(name: str) -> None:
    config = {"model_type": "dinov2", "patch_size": 14, "num_hidden_layers": 12}
    assert fitted(find("hub:a/b"), config).layers == HUB[name].layers


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("hub:a/b", {}, "model_type None"),
        ("hub:a/b", {"model_type": "bert"}, "expected dinov2 or"),
        ("hub:a/b", {"model_type": ["dinov2"]}, "model_type"),
        ("dinov2-small", {"model_type": "resnet"}, "expected dinov2$"),
        ("hub:a/b", {"model_type": "resnet", "num_channels": 1}, "three channels"),
        ("hub:a/b", {"model_type": "dinov2", "patch_size": 1}, "patch_size 1"),
        ("hub:a/b", {"model_type": "dinov2", "patch_size": [14, 14]}, "patch_size"),
        ("hub:a/b", {"model_type": "dinov2", "num_hidden_layers": 1}, "num_hidden_layers 1"),
    ],
)
def test_checkpoints_that_do_not_fit(name: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        fitted(find(name), config)


@pytest.mark.parametrize("missing", ["torch", "transformers", "huggingface_hub"])
def test_without_the_extra(missing: str) -> None:
    code = (
        f"import sys\nsys.modules[{missing!r}] = None\n"
        "from belvedere.core.errors import MissingExtraError\n"
        "from belvedere.training.backbones.hub import hub_backbone\n"
        "try:\n    hub_backbone('dinov2-small')\n"
        "except MissingExtraError as error:\n    print(error)\n"
    )
    # Absent or only partly there, the message is the same; nothing is fetched before.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "Backbone dinov2-small needs the [train] extra: pip install 'belvedere[train]', or in a clone of the "
        "repository pip install -e '.[train]'\n"
    )


def test_anomaly_training_imports_no_torch() -> None:
    code = (
        "import sys, belvedere.training.anomaly; print({'torch', 'transformers', 'huggingface_hub'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
