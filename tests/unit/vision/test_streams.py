"""Pictures from open files: read once, within the limits, and clear errors for what gives no bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest

from belvedere.core.errors import ImageError, LimitError
from belvedere.core.limits import Limits
from belvedere.vision.decode import load_image
from unit.vision.pictures import encoded, scene

DATA = encoded(scene(), "PNG")


class Dribbling(io.RawIOBase):
    """Gives a few bytes at a time, as a socket may."""

    def __init__(self, data):
        self.left, self.asked = data, 0

    def readable(self):
        return True

    def read(self, size=-1):
        self.asked = max(self.asked, size)
        piece, self.left = self.left[:100], self.left[100:]
        return piece


class Giving:
    """Gives what it was made with."""

    def __init__(self, piece):
        self.piece = piece

    def read(self, _size=-1):
        return self.piece


@pytest.mark.parametrize("stream", [io.BytesIO(DATA), Dribbling(DATA)])
def test_an_open_file_is_one_picture(stream):
    assert np.array_equal(load_image(stream), scene())
    assert not stream.closed


def test_a_file_is_read_from_where_it_stands(tmp_path):
    path = tmp_path / "two.bin"
    path.write_bytes(b"head" + DATA)
    with path.open("rb") as stream:
        stream.read(4)
        assert np.array_equal(load_image(stream), scene())


def test_no_more_is_read_than_the_limit_allows():
    stream = Dribbling(DATA * 1000)
    with pytest.raises(LimitError, match="over the limit of 250"):
        load_image(stream, limits=Limits(image_bytes=250))
    assert len(DATA) * 1000 - len(stream.left) <= 300
    assert stream.asked <= 251


def test_text_is_no_picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(DATA)
    with path.open() as stream, pytest.raises(ImageError, match=r"a\.png: opened as text.*'rb'"):
        load_image(stream)
    for text in (io.StringIO("words"), Giving("words")):
        with pytest.raises(ImageError, match="opened as text"):
            load_image(text)


@pytest.mark.parametrize("piece", [None, 3, ["a"]])
def test_what_gives_no_bytes(piece):
    with pytest.raises(ImageError, match=f"a Giving: reading gave {type(piece).__name__}, not bytes"):
        load_image(Giving(piece))


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(DATA)
    stream = path.open("rb")
    stream.close()
    with pytest.raises(ImageError, match=r"a\.png: cannot be read.*closed"):
        load_image(stream)
    with pytest.raises(ImageError, match="image: "):
        load_image(io.BytesIO(b""))
    with path.open("ab") as writing, pytest.raises(ImageError, match=r"a\.png: cannot be read"):
        load_image(writing)
