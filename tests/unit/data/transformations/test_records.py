"""Records under a transformation: picture, mask, class map and instances belong together."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from belvedere.core.errors import DatasetError, ImageError
from belvedere.core.limits import Limits
from belvedere.data.masks import BinaryMask, ColorMask
from belvedere.data.record import Record
from belvedere.data.transformations import Transformation, transformed
from belvedere.vision.decode import decode
from helpers.instances import thing

SIZE = (90, 60)


@pytest.fixture
def record(tmp_path):
    """A picture whose marked rectangle is white, with mask and instance."""
    pixels = np.full((SIZE[1], SIZE[0], 3), 20, np.uint8)
    pixels[20:40, 30:70] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray((pixels[..., 0] > 128).astype(np.uint8) * 255).save(tmp_path / "mask.png")
    return Record(
        "a.png", tmp_path / "a.png", "anomaly", mask=BinaryMask(tmp_path / "mask.png", "dent"),
        instances=(thing("dent", 30, 20, 70, 40),), declared_size=(1, 1),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["barrel", "pincushion", "perspective", "crop", "glare", "noise"])
@pytest.mark.parametrize("level", [0, 2, 5])
def test_everything_follows_the_picture(record, name, level):
    found = transformed(record, Transformation(name, level))
    image = found.image()
    assert (decode(found.read()) == image).all()
    height, width = image.shape[:2]
    mask = found.load_mask(width, height)
    assert mask.types == ("dent",)
    assert mask.index.shape == (height, width)
    numbers = found.class_map(("background", "dent"), width, height)
    assert (numbers == mask.index).all()
    assert numbers.dtype == np.int16
    painted = replace(found, mask=None).class_map(("background", "dent"), width, height)
    assert (painted != numbers).mean() < 0.03
    if found.transformation.group == "distortion":
        dark, bright = image[..., 0] < 40, image[..., 0] > 235
        assert (mask.index[dark] == 0).all()
        assert (mask.index[bright] == 1).all()
        assert (dark | bright).mean() > 0.9
    left, top, right, bottom = found.instances[0].box_xyxy
    rows, columns = np.nonzero(mask.index)
    assert (left, top, right, bottom) == pytest.approx(
        (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), abs=1.6
    )
    assert (found.name, found.label, found.declared_size) == ("a.png", "anomaly", None)


def test_void_pixels_stay_not_judged(record, tmp_path):
    colors = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    colors[:, :45] = (200, 0, 0)
    colors[:, 45:60] = (224, 224, 192)
    Image.fromarray(colors).save(tmp_path / "colors.png")
    source = ColorMask(tmp_path / "colors.png", (("cat", "#C80000"),), void=("#E0E0C0",))
    found = transformed(replace(record, mask=source), Transformation("barrel", 3))
    numbers = found.class_map(("background", "cat"), *SIZE)
    assert set(np.unique(numbers).tolist()) == {-1, 0, 1}


def test_hides_its_marks_only_where_the_frame_misses_them(record, tmp_path):
    corners = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    corners[0, 0] = corners[-1, -1] = corners[0, -1] = corners[-1, 0] = 255
    Image.fromarray(corners).save(tmp_path / "corners.png")
    far = replace(record, mask=BinaryMask(tmp_path / "corners.png"))
    assert transformed(far, Transformation("pincushion", 5)).hides_its_marks()
    assert not transformed(far, Transformation("blur", 5)).hides_its_marks()
    assert not transformed(record, Transformation("pincushion", 5)).hides_its_marks()
    nothing = replace(record, mask=None)
    assert not transformed(nothing, Transformation("pincushion", 5)).hides_its_marks()


def test_orientation_is_applied_where_the_model_does(tmp_path):
    pixels = np.zeros((20, 40, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif)
    record = Record("a.jpg", tmp_path / "a.jpg")
    assert transformed(record, Transformation("blur", 1)).image().shape == (40, 20, 3)
    assert transformed(record, Transformation("blur", 1), exif=False).image().shape == (20, 40, 3)


def test_content_hash_tells_conditions_apart(record):
    hashes = {transformed(record, Transformation("blur", level)).content_hash() for level in (1, 2)}
    assert len(hashes) == 2
    again = transformed(record, Transformation("blur", 1)).content_hash()
    assert again in hashes


def test_large_pictures_are_packed_to_stay_within_the_limit(record):
    found = transformed(record, Transformation("crop", 1))
    packed = found.read(Limits(image_bytes=5_000))
    assert packed.startswith(b"\x89PNG")
    assert found.read().startswith(b"BM")
    with Image.open(io.BytesIO(packed)) as picture:
        assert (np.asarray(picture) == found.image()).all()


def test_what_cannot_be_read_is_named(record, tmp_path):
    with pytest.raises(ImageError, match=r"gone\.png"):
        transformed(replace(record, name="gone.png", path=tmp_path / "gone.png"), Transformation("blur", 1))
    wrong = replace(record, mask=BinaryMask(tmp_path / "small.png"))
    Image.fromarray(np.full((4, 4), 255, np.uint8)).save(tmp_path / "small.png")
    with pytest.raises(DatasetError, match="4 x 4 pixels"):
        transformed(wrong, Transformation("crop", 1)).load_mask(1, 1)
