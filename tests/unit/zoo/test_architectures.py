"""Which heads the zoo takes, and which it refuses by name."""

from __future__ import annotations

from typing import Any

import pytest

from belvedere.core.errors import CompileError, OptionError
from belvedere.zoo.hub.architectures import ARCHITECTURES, architecture_of, task_of
from helpers.hub import needs_train_extra


@pytest.mark.train_extra
@needs_train_extra
def test_every_architecture_is_one_of_transformers() -> None:
    import transformers

    missing = [name for name in ARCHITECTURES if not hasattr(transformers, name)]
    assert not missing


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "detr", "use_timm_backbone": True, "backbone": "resnet50"},
        {"model_type": "detr", "backbone": "resnet50"},
        {"model_type": "rt_detr", "backbone_config": {"model_type": "timm_backbone", "backbone": "resnet50"}},
        {"model_type": "timm_wrapper", "architectures": ["TimmWrapperForImageClassification"]},
    ],
)
def test_timm_is_refused_by_name(config: dict[str, Any]) -> None:
    with pytest.raises(CompileError, match=r"model x: its backbone \((resnet50|unnamed)\) is one of timm"):
        architecture_of({"architectures": ["DetrForObjectDetection"], **config}, "model x")


def test_a_backbone_of_transformers_is_taken() -> None:
    config = {"model_type": "detr", "use_timm_backbone": False, "backbone_config": {"model_type": "resnet"}}
    assert architecture_of({**config, "architectures": ["DetrForObjectDetection"]}, "x").decoders["detection"] == "detr"


@pytest.mark.parametrize("named", [None, [], ["BertModel"], "ViTForImageClassification", [3], ["a", "b"]])
def test_other_networks(named: Any) -> None:
    with pytest.raises(CompileError, match=r"model x: config\.json says architectures"):
        architecture_of({"model_type": "bert", "architectures": named}, "model x")


def test_tasks() -> None:
    masks = ARCHITECTURES["Mask2FormerForUniversalSegmentation"]
    assert task_of(masks, "semantic-segmentation", "x") == "semantic-segmentation"
    with pytest.raises(OptionError, match="--task"):
        task_of(masks, "", "x")
    with pytest.raises(OptionError, match="does detection, not pose"):
        task_of(ARCHITECTURES["DetrForObjectDetection"], "pose", "x")
    assert task_of(ARCHITECTURES["DetrForObjectDetection"], "", "x") == "detection"
