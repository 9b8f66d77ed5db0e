from __future__ import annotations

from itertools import combinations

import pytest

from belvedere.core.errors import OptionError
from belvedere.vision.colors import LOOKOUT, MOST_COLORS, palette, parse_hex


def test_begins_with_lookouts_colours():
    assert palette(9) == LOOKOUT
    assert palette(3) == ("#23A436", "#14A3B3", "#F76902")
    assert palette(0) == ()


def test_all_colours_can_be_told_apart_in_a_mask():
    colors = [*map(parse_hex, palette(MOST_COLORS)), (255, 255, 255), (0, 0, 0)]
    for first, second in combinations(colors, 2):
        assert max(abs(a - b) for a, b in zip(first, second, strict=True)) > 16


def test_a_longer_palette_begins_with_the_shorter():
    assert palette(40)[:12] == palette(12)


@pytest.mark.parametrize("n", [-1, 256])
def test_size_out_of_range(n):
    with pytest.raises(OptionError, match="0 to 255"):
        palette(n)


@pytest.mark.parametrize(("text", "expected"), [("#23A436", (35, 164, 54)), ("ff0080", (255, 0, 128))])
def test_parse_hex(text, expected):
    assert parse_hex(text) == expected


@pytest.mark.parametrize("text", ["", "#12345", "#1234567", "red", "#GG0000", "#123456 ", "#١٢٣٤٥٦"])
def test_parse_hex_refuses(text):
    with pytest.raises(OptionError, match="#RRGGBB"):
        parse_hex(text)
