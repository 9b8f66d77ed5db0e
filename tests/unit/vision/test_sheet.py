from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from belvedere.vision.sheet import Heading, Strip, arrange, make_sheet

sizes = st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), min_size=1, max_size=30)


@given(sizes, st.integers(60, 500))
@settings(max_examples=100, deadline=None)
def test_pictures_keep_apart_and_inside(given_sizes: list[tuple[int, int]], row: int) -> None:
    tiles = arrange(given_sizes, 1600, row)
    assert len(tiles) == len(given_sizes)
    for number, one in enumerate(tiles):
        assert one.x >= 0
        assert one.x + one.width <= 1600
        for other in tiles[number + 1 :]:
            beside = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert beside or one.y + one.height <= other.y


def test_full_rows_fill_the_width_and_show_the_pictures_whole() -> None:
    tiles = arrange([(640, 480)] * 9, 1600, 300)
    rows = {tile.y for tile in tiles}
    assert len(rows) == 3
    right = max(tile.x + tile.width for tile in tiles)
    assert 1600 - 28 - 2 <= right <= 1600 - 28 + 2
    assert all(abs(tile.width / tile.height - 4 / 3) < 0.02 for tile in tiles)


def test_a_sheet_holds_pictures_and_words() -> None:
    tiles = arrange([(40, 30), (30, 40)], 800, 200)
    pictures = [
        Image.new("RGB", (tile.width, tile.height), color) for tile, color in zip(tiles, ("red", "blue"), strict=True)
    ]
    strips = [Strip("a very long line of words " * 20, "x/" * 200, ("#00FF00",)), Strip("", "")]
    chips = tuple((f"class {number}", "#00FF00") for number in range(80))
    sheet = make_sheet(tiles, pictures, strips, Heading("title " * 80, "text", chips), 800)
    assert sheet.width == 800
    colors = {color: count for count, color in sheet.getcolors(1 << 20) or []}
    assert colors[255, 0, 0] == tiles[0].width * tiles[0].height
    assert colors[0, 0, 255] == tiles[1].width * tiles[1].height
    assert colors[0, 255, 0] > 100


def test_a_sheet_without_chips() -> None:
    tiles = arrange([(10, 10)], 400, 100)
    sheet = make_sheet(
        tiles, [Image.new("RGB", (tiles[0].width, tiles[0].height))], [Strip("a", "b")], Heading("t", ""), 400
    )
    assert sheet.height < 400
