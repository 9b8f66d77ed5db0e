from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from belvedere.core.errors import DatasetError
from belvedere.data.annotations import Instance, Polygons, annotations_digest, layout_of
from belvedere.data.masks import ColorMask
from belvedere.data.record import Record
from belvedere.tasks.pose.keypoints import COCO_KEYPOINTS, COCO_SIGMAS
from belvedere.vision.rle import encode
from helpers.instances import square, thing


def test_polygons_know_their_area_and_box() -> None:
    shape = Polygons((*square(1, 1, 3, 4).parts, *square(5, 0, 6, 1).parts))
    assert (shape.area, shape.box_xyxy) == (7.0, (1.0, 0.0, 6.0, 4.0))


def test_the_declared_area_counts_before_the_shape_and_the_box() -> None:
    box = (0.0, 0.0, 4.0, 5.0)
    assert Instance("a", box).size == 20
    assert Instance("a", box, square(0, 0, 2, 2)).size == 4
    assert Instance("a", box, square(0, 0, 2, 2), area=3.5).size == 3.5


def test_run_lengths_of_polygons_and_masks() -> None:
    mask = np.zeros((6, 8), dtype=bool)
    mask[1:4, 2:5] = True
    drawn = thing("a", 2, 1, 5, 4).run_lengths(6, 8)
    assert drawn is not None
    assert np.array_equal(drawn.to_mask(), mask)
    held = Instance("a", (2, 1, 5, 4), encode(mask))
    assert held.run_lengths(6, 8) is held.shape
    assert Instance("a", (2, 1, 5, 4)).run_lengths(6, 8) is None
    with pytest.raises(DatasetError, match="'a' is 8 x 6 pixels, but the picture is 9 x 6"):
        held.run_lengths(6, 9)


def test_layouts_by_name() -> None:
    layout = layout_of(COCO_KEYPOINTS)
    assert layout.sigmas == COCO_SIGMAS
    assert (1, 2) in layout.flip
    assert len(layout.flip) == 8
    assert layout_of(("left_wing", "right_wing", "tail")).flip == ((0, 1),)
    assert layout_of(("a",)).sigmas is None


def record(*instances: Instance, mask: ColorMask | None = None) -> Record:
    return Record("p.png", Path("p.png"), instances=instances, mask=mask)


def test_class_map_paints_later_over_earlier_and_crowds_as_not_judged() -> None:
    shown = record(thing("sky", 0, 0, 8, 6), thing("cat", 1, 1, 5, 5), thing("dog", 3, 3, 7, 6, crowd=True)).class_map(
        ("cat", "sky"), 8, 6
    )
    assert shown.dtype == np.int16
    assert (shown[0, 0], shown[1, 1], shown[4, 4], shown[5, 7]) == (1, 0, -1, 1)


def test_class_map_background_and_other_classes() -> None:
    one = record(thing("cat", 0, 0, 2, 2), thing("ufo", 4, 4, 6, 6))
    assert one.class_map(("_background_", "cat"), 8, 6)[0, 7] == 0
    assert one.class_map(("cat",), 8, 6)[0, 7] == -1
    assert one.class_map(("_background_", "cat"), 8, 6)[5, 5] == -1  # a thing of a class that is not asked for
    assert (record().class_map(("background", "cat"), 8, 6) == 0).all()


def test_class_map_needs_shapes() -> None:
    with pytest.raises(DatasetError, match=r"p\.png: a 'cat' has a box but no outline"):
        record(Instance("cat", (0, 0, 2, 2))).class_map(("cat",), 8, 6)
    with pytest.raises(DatasetError, match=r"p\.png: has neither"):
        Record("p.png", Path("p.png")).class_map(("cat",), 8, 6)


def test_class_map_from_a_mask_with_void(tmp_path: Path) -> None:
    pixels = np.zeros((6, 8, 3), dtype=np.uint8)
    pixels[0, :3] = (128, 0, 0)
    pixels[1, :2] = (224, 224, 192)
    Image.fromarray(pixels).save(tmp_path / "m.png")
    mask = ColorMask(tmp_path / "m.png", (("cat", "#800000"),), (), ("#E0E0C0",))
    shown = record(mask=mask).class_map(("background", "cat"), 8, 6)
    assert [int((shown == value).sum()) for value in (-1, 0, 1)] == [2, 43, 3]
    loaded = record(mask=mask).load_mask(8, 6)
    assert loaded is not None
    assert int(loaded.binary.sum()) == 3  # void is background for those who want a plain mask


def test_the_digest_sees_every_number() -> None:
    base = [thing("a", 0, 0, 2, 2)]
    others = [
        [],
        [thing("b", 0, 0, 2, 2)],
        [thing("a", 0, 0, 2, 3)],
        [thing("a", 0, 0, 2, 2, crowd=True)],
        [Instance("a", (0, 0, 2, 2))],
        [Instance("a", (0, 0, 2, 2), keypoints=np.zeros((2, 3), np.float32))],
    ]
    digests = {annotations_digest(one) for one in [base, *others]}
    assert len(digests) == 7
    assert annotations_digest([thing("a", 0, 0, 2, 2)]) in digests
    assert annotations_digest(None) is None
