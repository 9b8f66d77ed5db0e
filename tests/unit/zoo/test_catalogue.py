"""The names of the zoo: every entry is complete, and wrong names are answered with near ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from belvedere.compiler.binding import FAMILIES
from belvedere.core.errors import OptionError
from belvedere.core.hub import is_repository
from belvedere.tasks.label_sets import LABEL_SETS
from belvedere.zoo import entries, find, is_name
from belvedere.zoo.catalogue import read_entries
from belvedere.zoo.gluoncv.presets import PRESETS
from belvedere.zoo.hub.architectures import ARCHITECTURES

TASKS = {"classification", "detection", "semantic-segmentation", "instance-segmentation", "pose", "tensor", "anomaly"}


def test_every_entry_is_complete() -> None:
    decoders = {family for row in ARCHITECTURES.values() for family in row.decoders.values()}
    assert len(entries()) > 100
    for entry in entries().values():
        assert entry.task in TASKS, entry.name
        assert entry.licence, entry.name
        assert entry.labels in ("", *LABEL_SETS), entry.name
        if entry.metric:
            assert entry.metric.source.startswith("https://"), entry.name
            assert 0 < entry.metric.value < 100
        if entry.source == "hub":
            assert is_repository(entry.repository), entry.name
            assert entry.decoder in decoders, entry.name
            assert FAMILIES[entry.decoder].task == entry.task, entry.name
        if entry.source == "gluoncv":
            assert entry.preset in PRESETS, entry.name
            assert entry.size, entry.name
            assert FAMILIES[entry.decoder].task == entry.task, entry.name
        if entry.source == "bundled":
            assert entry.file


@pytest.mark.parametrize(
    "name",
    [
        "belvedere-s", "rt-detr-v2-r18", "d-fine-s", "rf-detr-nano", "rf-detr-seg-nano", "detr-resnet-50",
        "mask2former-swin-tiny-coco", "eomt-large-coco", "segformer-b0-ade", "vitpose-base-simple", "convnext-tiny",
        "dinov2-small-imagenet", "yolo3_darknet53_coco", "yolo3_mobilenet1.0_coco", "ssd_512_resnet50_v1_voc",
        "ssd_512_mobilenet1.0_voc", "ssd_512_mobilenet1.0_coco", "ssd_300_vgg16_atrous_voc",
        "faster_rcnn_resnet50_v1b_voc", "mask_rcnn_resnet50_v1b_coco", "resnet50_v1", "resnet50_v2", "resnet50_v1b",
        "mobilenet1.0", "simple_pose_resnet50_v1d", "fcn_resnet101_voc", "psp_resnet50_ade", "deeplab_resnet101_coco",
    ],
)  # fmt: skip
def test_names_that_are_promised(name: str) -> None:
    assert find(name).name == name
    assert is_name(name)


def test_a_name_wins_over_a_file_and_a_path_is_none(tmp_path: Path) -> None:
    assert is_name("resnet-50")
    assert not is_name("./resnet-50")
    assert not is_name(tmp_path / "resnet-50")
    assert not is_name("board.tar.gz")


def test_revisions_and_repositories() -> None:
    entry = find("resnet-50@v1.0")
    assert (entry.repository, entry.revision, entry.name) == ("microsoft/resnet-50", "v1.0", "resnet-50@v1.0")
    own = find("hub:me/my-net@0123abc")
    assert (own.repository, own.revision, own.task) == ("me/my-net", "0123abc", "")
    # The branch main of these needs timm.
    assert find("detr-resnet-50").revision == "no_timm"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rtdetr-v2-r18", "did you mean rt-detr-v2-r18"),
        ("yolo3_darknet_coco", "yolo3_darknet53_coco"),
        ("qqqq", "`belvedere models list`"),
        ("hub:nobody", "expected hub:OWNER/REPO"),
        ("hub:me/net@/x", "expected a branch, tag or commit"),
        ("resnet-50@", "expected a branch, tag or commit"),
        ("belvedere-s@main", "has no revisions"),
    ],
)
def test_wrong_names(name: str, message: str) -> None:
    with pytest.raises(OptionError, match="model") as caught:
        find(name)
    assert message in str(caught.value)


def test_what_is_wrong_in_a_catalogue() -> None:
    twice = '[[family]]\nsource = "hub"\ntask = "pose"\nmodels = [{ name = "a" }, { name = "a" }]\n'
    with pytest.raises(OptionError, match="a is named twice"):
        read_entries(twice)
    with pytest.raises(OptionError, match="unknown fields weight"):
        read_entries('[[family]]\nsource = "hub"\ntask = "pose"\nmodels = [{ name = "a", weight = 1 }]\n')
