from __future__ import annotations

import io
import threading
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from belvedere.core.errors import ImageError, LimitError
from belvedere.core.limits import Limits
from belvedere.vision.decode import IMAGE_SUFFIXES, decode, image_size, load_image
from unit.vision.pictures import encoded, png16, scene, tiff

SCENE = scene()
GREY = SCENE[..., 0]
KINDS = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "BMP": {},
    "TIFF": {"compression": "tiff_lzw"},
}
FILES = {kind: encoded(SCENE, kind, **options) for kind, options in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_rgb(kind):
    rgb = decode(FILES[kind])
    assert rgb.shape == SCENE.shape
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    if kind == "JPEG":
        assert np.abs(rgb.astype(int) - SCENE).mean() < 6
    else:
        assert np.array_equal(rgb, SCENE)


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_gives_the_same_array(kind, tmp_path):
    path = tmp_path / "picture.of.any.name"
    path.write_bytes(FILES[kind])
    expected = decode(FILES[kind])
    for source in (path, str(path), FILES[kind], Image.open(path), expected):
        assert np.array_equal(load_image(source), expected)


def test_the_content_decides_not_the_suffix(tmp_path):
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(FILES["PNG"])
    assert np.array_equal(load_image(path), SCENE)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("L", "PNG"),
        ("L", "JPEG"),
        ("L", "BMP"),
        ("L", "TIFF"),
        ("LA", "PNG"),
        ("LA", "TIFF"),
        ("1", "PNG"),
        ("1", "TIFF"),
    ],
)
def test_grey_is_repeated_and_alpha_dropped(mode, kind):
    picture = Image.fromarray(GREY)
    picture = picture.point(lambda v: 255 * (v > 127)).convert("1") if mode == "1" else picture.convert(mode)
    rgb = decode(encoded(picture, kind))
    assert np.array_equal(rgb[..., 0], rgb[..., 1])
    assert np.array_equal(rgb[..., 0], rgb[..., 2])
    expected = (GREY > 127) * 255 if mode == "1" else GREY
    assert np.abs(rgb[..., 0].astype(int) - expected).mean() < (3 if kind == "JPEG" else 1e-9)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_colours_below_alpha_are_kept(kind):
    alpha = np.full((*SCENE.shape[:2], 1), 0, dtype=np.uint8)
    alpha[:, ::2] = 90
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    assert np.array_equal(decode(encoded(np.dstack([SCENE, alpha]), kind, **options)), SCENE)


@pytest.mark.parametrize("transparency", [None, 3, bytes(range(0, 256, 2))])
def test_palettes_are_looked_up_and_their_transparency_dropped(transparency):
    picture = Image.fromarray(SCENE).quantize(128)
    options = {} if transparency is None else {"transparency": transparency}
    assert np.array_equal(decode(encoded(picture, "PNG", **options)), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind):
    inks = np.zeros((8, 4, 4), dtype=np.uint8)
    inks[:2, :, 0] = 255  # cyan
    inks[2:4, :, 3] = 255  # black
    inks[4:6, :, 1] = 100  # some magenta
    picture = Image.fromarray(inks.repeat(8, axis=0).repeat(8, axis=1), "CMYK")
    rgb = decode(encoded(picture, kind))
    for row, expected in ((8, (0, 255, 255)), (24, (0, 0, 0)), (40, (255, 155, 255)), (56, (255, 255, 255))):
        assert np.abs(rgb[row, 16].astype(int) - expected).max() <= (12 if kind == "JPEG" else 0)


class Test16Bit:
    VALUES = np.arange(65536, dtype=np.uint16).reshape(256, 256)

    def test_grey_png_takes_the_high_byte(self):
        rgb = decode(png16(self.VALUES))
        assert np.array_equal(rgb, np.dstack([self.VALUES >> 8] * 3))

    @pytest.mark.parametrize("channels", [2, 3, 4])
    def test_other_pngs_take_the_high_byte(self, channels):
        values = np.dstack([self.VALUES, self.VALUES[::-1], self.VALUES.T, self.VALUES][:channels])
        expected = values[..., [0, 0, 0]] if channels == 2 else values[..., :3]
        assert np.array_equal(decode(png16(values)), expected >> 8)

    def test_array_follows_the_same_rule(self):
        assert np.array_equal(load_image(self.VALUES), decode(png16(self.VALUES)))
        assert np.array_equal(load_image(self.VALUES.astype(">u2")), load_image(self.VALUES))

    @pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
    def test_pillow_pictures_follow_the_same_rule(self, mode):
        picture = Image.open(io.BytesIO(png16(self.VALUES)))
        if mode != "I;16":
            picture = picture.convert("I").convert(mode) if mode != "I" else picture.convert("I")
        assert picture.mode == mode
        assert np.array_equal(load_image(picture)[..., 0], self.VALUES >> 8)

    @pytest.mark.parametrize(("photometric", "expected"), [(1, [0, 1, 127, 255]), (0, [255, 254, 128, 0])])
    def test_tiff_and_its_inverse(self, photometric, expected):
        values = np.array([[0, 256, 32767, 65535]], dtype="<u2")
        data = tiff(4, 1, {258: 16, 259: 1, 262: photometric, 273: "data", 277: 1, 279: 8}, values.tobytes())
        assert decode(data)[0, :, 0].tolist() == expected

    def test_twelve_bits(self):
        data = tiff(2, 1, {258: 12, 259: 1, 262: 1, 273: "data", 277: 1, 279: 3}, b"\xff\xf8\x00")
        assert decode(data)[0, :, 0].tolist() == [255, 128]

    def test_wider_integers_outside_16_bits_are_refused(self):
        wide = Image.fromarray(np.array([[0, 65536]], dtype=np.int32))
        with pytest.raises(ImageError, match="from 0 to 65536"):
            decode(encoded(wide, "TIFF"))
        fitting = Image.fromarray(np.array([[0, 65535]], dtype=np.int32))
        assert decode(encoded(fitting, "TIFF"))[0, :, 0].tolist() == [0, 255]


def test_float_tiff_is_refused():
    with pytest.raises(ImageError, match="floating-point"):
        decode(encoded(Image.fromarray(np.ones((3, 3), dtype=np.float32)), "TIFF"), name="depth.tif")


def test_first_frame_of_several():
    frames = [Image.fromarray(SCENE), Image.fromarray(255 - SCENE)]
    for kind in ("TIFF", "WEBP", "PNG"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert np.array_equal(decode(data), SCENE), kind


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "BMP"])  # which holds no EXIF data
def test_exif_orientation(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {} if kind == "TIFF" else KINDS[kind]  # libtiff would not write orientations 0 and 9
    data = encoded(SCENE, kind, exif=exif, **options)
    plain = decode(encoded(SCENE, kind, **options))
    reference = Image.fromarray(plain)
    reference.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(reference))
    assert np.array_equal(decode(data), expected)
    assert np.array_equal(decode(data, exif=False), plain)
    assert image_size(data) == (expected.shape[1], expected.shape[0])
    assert image_size(data, exif=False) == (40, 24)
    opened = Image.open(io.BytesIO(data))
    assert np.array_equal(load_image(opened), expected)
    assert np.array_equal(load_image(Image.open(io.BytesIO(data)), exif=False), plain)
    if kind == "TIFF":
        opened.load()
        assert np.array_equal(load_image(opened), expected)


def test_damaged_exif_does_not_cost_the_picture():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(encoded(SCENE, "JPEG", exif=exif))
    at = data.index(b"Exif\0\0") + 6
    data[at : at + 12] = b"MM\0*\xff\xff\xff\xff\xff\xff\xff\xff"
    assert decode(bytes(data)).shape == SCENE.shape


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "empty"),
        (b"hello, this is no picture", "text"),
        (b"\x00\x9c\xfe" * 50, "not recognised"),
        (encoded(Image.fromarray(GREY), "GIF"), "GIF"),
        (encoded(Image.fromarray(SCENE), "EPS"), "EPS"),
        (encoded(Image.fromarray(SCENE), "PPM"), "PPM"),
        (encoded(Image.fromarray(SCENE), "ICO"), "icon"),
        (encoded(Image.fromarray(SCENE), "PDF"), "PDF"),
        (b'<?xml version="1.0"?><svg width="1"/>', "SVG"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html>", "HTML"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
        (b"PK\x03\x04rest", "ZIP"),
    ],
)
def test_anything_else_is_named_and_refused(data, found):
    for function in (decode, image_size):
        with pytest.raises(ImageError, match=f"line.jpg: .*{found}.*JPEG, PNG, WebP, BMP or TIFF"):
            function(data, name="line.jpg")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.0005, 0.02, 0.3, 0.6, 0.9])
def test_truncated_files_are_refused(kind, share):
    data = encoded(np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8), kind)
    with pytest.raises(ImageError, match=r"short\.bin"):
        decode(data[: max(4, int(len(data) * share))], name="short.bin")


class TestLimits:
    def test_bytes(self, tmp_path):
        path = tmp_path / "a.png"
        path.write_bytes(FILES["PNG"])
        limits = Limits(image_bytes=len(FILES["PNG"]) - 1)
        for source in (FILES["PNG"], path):
            with pytest.raises(LimitError, match=f"limit of {limits.image_bytes}"):
                load_image(source, limits=limits)

    @pytest.mark.parametrize("kind", KINDS)
    def test_pixels(self, kind):
        for function in (decode, image_size):
            with pytest.raises(LimitError, match=r"big.*40 x 24 is 960 pixels, over the limit of 959"):
                function(FILES[kind], name="big", limits=Limits(image_pixels=959))
        with pytest.raises(LimitError):
            load_image(Image.open(io.BytesIO(FILES[kind])), limits=Limits(image_pixels=959))
        assert decode(FILES[kind], limits=Limits(image_pixels=960)).shape == SCENE.shape

    def test_array(self):
        with pytest.raises(LimitError):
            load_image(SCENE, limits=Limits(image_pixels=959))

    @pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "JPEG"])
    def test_enormous_sizes_allocate_nothing(self, kind):
        side = 60_000
        size = side.to_bytes(4, "little")
        data = {
            "PNG": FILES["PNG"][:16] + size[::-1] * 2 + FILES["PNG"][24:],
            "BMP": FILES["BMP"][:18] + size * 2 + FILES["BMP"][26:],
            "TIFF": tiff(side, side, {258: 8, 262: 1, 273: 8, 279: 1}),
            "WEBP": b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + size[:3] * 2 + bytes(20),
            "JPEG": FILES["JPEG"].replace(b"\x08\x00\x18\x00\x28", b"\x08" + size[1::-1] * 2, 1),
        }[kind]
        if kind == "PNG":  # the header's checksum
            import zlib

            data = data[:29] + zlib.crc32(data[12:29]).to_bytes(4, "big") + data[33:]
        with pytest.raises(LimitError, match="pixels, over the limit"):
            decode(data)

    def test_tiff_with_small_size_and_enormous_tiles(self):
        data = tiff(8, 8, {258: 8, 259: 5, 262: 1, 322: 1 << 15, 323: 1 << 15, 324: 8, 325: 10})
        with pytest.raises(LimitError, match="tile"):
            decode(data)

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "WEBP"])
    def test_our_limit_rules_not_pillows(self, kind, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        assert decode(FILES[kind]).shape == SCENE.shape
        assert Image.MAX_IMAGE_PIXELS == 10

    def test_pillows_own_webp_limit_is_said(self, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        with pytest.raises(LimitError, match="MAX_IMAGE_PIXELS"):
            decode(FILES["WEBP"])


class TestArrays:
    @pytest.mark.parametrize(
        ("array", "expected"),
        [
            (SCENE, SCENE),
            (SCENE[:, ::-1], SCENE[:, ::-1]),
            (np.asfortranarray(SCENE), SCENE),
            (GREY, np.dstack([GREY] * 3)),
            (GREY[..., None], np.dstack([GREY] * 3)),
            (np.dstack([SCENE, GREY]), SCENE),
            (GREY > 100, np.dstack([(GREY > 100) * 255] * 3)),
            (SCENE.astype(np.uint16) * 257, SCENE),
        ],
    )
    def test_accepted(self, array, expected):
        rgb = load_image(array)
        assert np.array_equal(rgb, expected)
        assert rgb.dtype == np.uint8
        assert rgb.flags.c_contiguous
        assert not np.shares_memory(rgb, array)

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (SCENE / 255, r"float64.*\* 255"),
            (SCENE.astype(np.float32), "float32"),
            (SCENE.astype(np.int64), "int64"),
            (SCENE.transpose(2, 0, 1), "transpose"),
            (SCENE[None], "shape"),
            (SCENE[0, 0], "shape"),
            (SCENE[..., :2], "shape"),
            (SCENE[:0], "40 x 0"),
            (np.uint8(3), "^a value of type uint8 is no picture"),
            ([[1, 2]], "^a value of type list is no picture"),
            (5, "^a value of type int is no picture"),
            (None, "NoneType"),
        ],
    )
    def test_refused(self, array, message):
        with pytest.raises(ImageError, match=message):
            load_image(array)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr", "HSV"]
)
def test_pillow_modes(mode):
    base = Image.fromarray(SCENE)
    via = {"LA": "LA", "La": "LA", "PA": "PA", "RGBa": "RGBA"}.get(mode, mode)
    picture = base.convert("P").convert("PA") if mode == "PA" else base.convert(via)
    if mode != picture.mode:
        picture = picture.convert(mode)
    assert picture.mode == mode
    before = picture.copy()
    rgb = load_image(picture)
    tolerance = {"1": 140, "L": 130, "LA": 130, "La": 130, "P": 60, "PA": 60, "HSV": 6, "YCbCr": 3}.get(mode, 0)
    assert np.abs(rgb.astype(int) - SCENE).mean() <= tolerance
    assert picture.tobytes() == before.tobytes()


@pytest.mark.parametrize("mode", ["F", "LAB"])
def test_pillow_modes_that_are_refused(mode):
    with pytest.raises(ImageError, match="8 or 16 bits"):
        load_image(Image.new(mode, (4, 4)))


def test_missing_file_folder_and_empty_name(tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        load_image(tmp_path / "none.jpg")
    with pytest.raises(ImageError, match=r"is a folder.*list of paths.*open_dataset\("):
        load_image(tmp_path)
    with pytest.raises(ImageError, match=r"no such file; it is not read as a pattern.*open_dataset\(.*\*\.jpg'\)"):
        load_image(tmp_path / "*.jpg")
    with pytest.raises(ImageError, match="cannot be read"):
        load_image("a\0b.jpg")


def test_pillows_warnings_do_not_surface_and_filters_are_left_alone():
    data = encoded(SCENE, "TIFF")
    broken = tiff(4, 1, {258: 8, 259: 1, 262: 1, 273: "data", 277: 1, 279: 4, 305: 7}, b"\x01\x02\x03\x04")
    noisy = broken.replace(b"\x31\x01\x04\x00\x01\x00", b"\x31\x01\x05\x00\xff\xff")  # RATIONALs beyond the end
    assert noisy != broken
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        with Image.open(io.BytesIO(noisy)):
            pass
        assert caught, "Pillow itself warns about this file"
        caught.clear()
        assert decode(noisy).shape == (1, 4, 3)
        decode(data)
        with pytest.raises(ImageError):
            decode(data[:40])
        assert not caught
        assert list(warnings.filters) == before


def test_threads_leave_the_warning_filters_as_they_were():
    before = list(warnings.filters)
    same = []

    def work():
        same.extend(np.array_equal(decode(FILES["PNG"]), SCENE) for _ in range(30))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(same) == 180
    assert all(same)
    assert list(warnings.filters) == before


SEEDS = [
    *FILES.values(),
    encoded(Image.fromarray(SCENE).quantize(16), "PNG", transparency=bytes(16)),
    encoded(Image.fromarray(SCENE).quantize(16), "BMP"),
    encoded(GREY, "TIFF", compression="jpeg"),
    encoded(SCENE, "TIFF"),
    encoded(GREY > 100, "TIFF", compression="group4"),
    encoded(SCENE, "TIFF", compression="tiff_adobe_deflate"),
    encoded(SCENE, "WEBP", quality=60),
    encoded(np.dstack([SCENE, GREY]), "WEBP", quality=60),
    encoded(SCENE, "JPEG", progressive=True),
    png16(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000),
    tiff(16, 1, {258: 8, 262: 1, 273: "data", 279: 16}, bytes(16)),
]


@st.composite
def mutations(draw):
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 6))):
        near_the_header = draw(st.booleans())
        at = draw(st.integers(0, min(len(data), 200 if near_the_header else len(data)) - 1))
        data[at] = draw(st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 127, 128, 255])))
    if draw(st.booleans()):
        data = data[: draw(st.integers(0, len(data)))]
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data)))
        data[at:at] = draw(st.binary(max_size=8))
    return bytes(data)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutations(), st.booleans())
def test_damaged_files_give_a_picture_or_our_error(data, exif):
    limits = Limits(image_pixels=1_000_000)
    try:
        rgb = decode(data, limits=limits, exif=exif)
    except (ImageError, LimitError):
        return
    assert rgb.dtype == np.uint8
    assert rgb.ndim == 3
    assert rgb.shape[2] == 3
    assert 0 < rgb.shape[0] * rgb.shape[1] <= limits.image_pixels
    width, height = image_size(data, limits=limits, exif=exif)
    assert (height, width) == rgb.shape[:2]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", *(data[:12] for data in FILES.values())]))
def test_random_bytes_are_refused(tail, head):
    with pytest.raises((ImageError, LimitError)):
        decode(head + tail)


def test_suffixes():
    assert {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"} == IMAGE_SUFFIXES


@pytest.mark.shared
def test_real_photographs(shared_folder):
    found = sorted((shared_folder / "data" / "anomaly").rglob("*"))
    paths = [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES]
    assert paths
    for path in paths[:: max(1, len(paths) // 12)]:
        with Image.open(path) as picture:
            expected = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
        assert np.array_equal(load_image(path), expected)
