from __future__ import annotations

import io
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from belvedere.core.errors import DatasetError, LimitError
from belvedere.core.limits import Limits
from belvedere.data.masks import BinaryMask, ColorMask, Mask, load_mask, read_binary_mask, read_color_mask
from belvedere.data.record import Record

GREEN, ORANGE = "#23A436", "#F76902"


def png(pixels: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", **options)
    return stream.getvalue()


def rgb(color: str, *, alpha: int | None = None) -> tuple[int, ...]:
    code = int(color[1:], 16)
    values = (code >> 16, code >> 8 & 255, code & 255)
    return values if alpha is None else (*values, alpha)


def source(*labels: tuple[str, str], background: tuple[str, ...] = ()) -> ColorMask:
    return ColorMask(Path("mask.png"), labels, background)


def read(data: bytes, declared: ColorMask, width: int = 20, height: int = 10) -> np.ndarray:
    return read_color_mask(data, declared, width, height, "part.jpg: mask mask.png")


def canvas(background: tuple[int, ...] = (255, 255, 255)) -> np.ndarray:
    return np.full((10, 20, len(background)), background, dtype=np.uint8)


def test_labels_are_numbered_in_the_order_of_the_declaration() -> None:
    pixels = canvas()
    pixels[0:2, 0:3] = rgb(ORANGE)
    pixels[5:7, 4:9] = rgb(GREEN)
    index = read(png(pixels), source(("crack", GREEN), ("dent", ORANGE)))
    assert index.dtype == np.uint8
    assert (index[5:7, 4:9] == 1).all()
    assert (index[0:2, 0:3] == 2).all()
    assert np.count_nonzero(index) == 16


@pytest.mark.parametrize("color", ["#23a436", "23A436", "#23A436"])
def test_hex_color_is_compared_without_case(color: str) -> None:
    pixels = canvas()
    pixels[3, 3] = rgb(GREEN)
    assert read(png(pixels), source(("crack", color)))[3, 3] == 1


def test_one_label_may_have_two_colors() -> None:
    pixels = canvas()
    pixels[3, 3], pixels[4, 4] = rgb(GREEN), rgb(ORANGE)
    index = read(png(pixels), source(("crack", GREEN), ("crack", ORANGE)))
    assert index[3, 3] == index[4, 4] == 1


def test_transparent_pixels_are_background_whatever_their_color() -> None:
    pixels = canvas((0, 0, 0, 0))
    pixels[2, 2] = rgb(GREEN, alpha=255)
    pixels[2, 3] = rgb(GREEN, alpha=128)
    pixels[2, 4] = rgb(GREEN, alpha=127)
    pixels[2, 5] = (200, 1, 99, 100)
    index = read(png(pixels), source(("crack", GREEN)))
    assert np.argwhere(index).tolist() == [[2, 2], [2, 3]]


def test_palette_with_transparency() -> None:
    image = Image.new("P", (20, 10), 0)
    image.putpalette([0, 0, 0, *rgb(GREEN), *rgb(GREEN)])
    image.putpixel((4, 3), 1)
    image.putpixel((5, 3), 2)
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=bytes([0, 255, 40]))
    index = read(stream.getvalue(), source(("cracked", GREEN)))
    assert np.argwhere(index).tolist() == [[3, 4]]


@pytest.mark.parametrize("value", [(255, 255, 255), (0, 0, 0)])
def test_undeclared_white_and_black_are_background(value: tuple[int, ...]) -> None:
    assert not read(png(canvas(value)), source(("crack", GREEN))).any()


def test_declared_black_is_a_label() -> None:
    assert read(png(canvas((0, 0, 0))), source(("hole", "#000000"))).all()


def test_declared_background_color_is_background() -> None:
    assert not read(png(canvas(rgb(ORANGE))), source(("crack", GREEN), background=(ORANGE,))).any()


def test_undeclared_color_names_label_declared_and_found_colors_and_picture() -> None:
    pixels = canvas()
    pixels[3:5, 3:5] = (200, 10, 10)
    with pytest.raises(DatasetError) as caught:
        read(png(pixels), source(("crack", GREEN)))
    message = str(caught.value)
    for part in ("part.jpg", "'crack'", GREEN, "#C80A0A", "4 px"):
        assert part in message


@pytest.mark.parametrize(("distance", "count", "accepted"), [(8, 2, True), (9, 1, False), (8, 3, False), (1, 2, True)])
def test_tolerance_is_eight_levels_on_one_percent_of_the_pixels(distance: int, count: int, accepted: bool) -> None:
    pixels = canvas()
    red, green, blue = rgb(GREEN)
    pixels[0, :count] = (red + distance, green - distance, blue)
    data = png(pixels)
    if accepted:
        assert np.count_nonzero(read(data, source(("crack", GREEN)))) == count
    else:
        with pytest.raises(DatasetError, match="does not declare"):
            read(data, source(("crack", GREEN)))


def test_near_white_is_background() -> None:
    pixels = canvas()
    pixels[0, 0] = (250, 252, 255)
    assert not read(png(pixels), source(("crack", GREEN))).any()


def test_a_jpeg_called_png_is_refused() -> None:
    stream = io.BytesIO()
    Image.fromarray(canvas()).save(stream, "JPEG")
    with pytest.raises(DatasetError, match="not a PNG by content"):
        read(stream.getvalue(), source(("crack", GREEN)))


def test_mask_of_another_size() -> None:
    dummy = np.full((16, 16, 3), 255, dtype=np.uint8)
    assert read(png(dummy), source()).shape == (10, 20)
    dummy[0, 0] = rgb(GREEN)
    with pytest.raises(DatasetError, match="16 x 16 pixels, but the picture is 20 x 10"):
        read(png(dummy), source(("crack", GREEN)))


def test_truncated_mask() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (10, 20, 3), dtype=np.uint8)
    with pytest.raises(DatasetError, match=r"part\.jpg: mask mask\.png: not a readable picture"):
        read(png(noise)[:-200], source(("crack", GREEN)))


def test_too_many_pixels() -> None:
    with pytest.raises(LimitError):
        read_color_mask(png(canvas()), source(), 20, 10, "m", Limits(image_pixels=100))


BINARY = {
    "bool": np.eye(6, dtype=bool),
    "0 and 255": np.eye(6, dtype=np.uint8) * 255,
    "0 and 1": np.eye(6, dtype=np.uint8),
    "16 bit": np.eye(6, dtype=np.uint16) * 65535,
    "dark grey around": np.eye(6, dtype=np.uint8) * 200 + 20,
    "color": np.dstack([np.eye(6, dtype=np.uint8) * 128, *[np.zeros((6, 6), dtype=np.uint8)] * 2]),
}


@pytest.mark.parametrize("pixels", BINARY.values(), ids=BINARY.keys())
def test_binary_masks(pixels: np.ndarray) -> None:
    assert np.array_equal(read_binary_mask(png(pixels), "m"), np.eye(6, dtype=np.uint8))


def test_binary_mask_as_jpeg_is_refused() -> None:
    stream = io.BytesIO()
    Image.fromarray(canvas()).save(stream, "JPEG")
    with pytest.raises(DatasetError, match="save it as PNG"):
        read_binary_mask(stream.getvalue(), "m")


def test_load_mask_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"part\.jpg: mask gone\.png"):
        load_mask(BinaryMask(tmp_path / "gone.png"), 4, 4, "part.jpg")


def test_as_types_renumbers_and_drops() -> None:
    mask = Mask(("a", "b"), np.array([[0, 1, 2]], dtype=np.uint8))
    assert mask.any
    assert mask.as_types(("x", "b")).index.tolist() == [[0, 0, 2]]
    assert mask.as_types(("b", "a")).index.tolist() == [[0, 2, 1]]
    assert mask.binary.tolist() == [[False, True, True]]


def test_normal_with_label_pixels_stays_normal_and_warns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pixels = canvas()
    pixels[0, 0] = rgb(GREEN)
    (tmp_path / "m.png").write_bytes(png(pixels))
    record = Record("a.jpg", tmp_path / "a.jpg", "normal", mask=ColorMask(tmp_path / "m.png", (("crack", GREEN),)))
    with caplog.at_level(logging.WARNING):
        mask = record.load_mask(20, 10)
    assert mask is not None
    assert mask.any
    assert record.label == "normal"
    assert "a.jpg is labelled normal" in caplog.text


def test_record_without_mask(tmp_path: Path) -> None:
    assert Record("a.jpg", tmp_path / "a.jpg", "normal").load_mask(3, 3) is None


def test_the_warning_is_for_those_who_listen(tmp_path: Path) -> None:
    """Without a logging set-up nothing appears on stderr; reports and commands say it themselves."""
    Image.new("L", (20, 10), 255).save(tmp_path / "m.png")
    code = (
        "import sys; from pathlib import Path; from belvedere.data import BinaryMask, Record\n"
        "Record('a.jpg', Path('a.jpg'), 'normal', mask=BinaryMask(Path(sys.argv[1]))).load_mask(20, 10)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.png")], capture_output=True, check=True)
    assert done.stderr == b""
