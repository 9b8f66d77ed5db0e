"""``belvedere demo``, and what it is made of."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from belvedere.cli.contact_sheet import contact_sheet


def test_contact_sheet() -> None:
    pictures = [Image.new("RGB", (200, 100), color) for color in ("red", "green", "blue", "black")]
    sheet = Image.open(io.BytesIO(contact_sheet(pictures, columns=3, width=316))).convert("RGB")
    assert sheet.size == (316, 108)
    colors = [sheet.getpixel((50, 25)), sheet.getpixel((158, 25)), sheet.getpixel((266, 25)), sheet.getpixel((50, 83))]
    assert colors == [(255, 0, 0), (0, 128, 0), (0, 0, 255), (0, 0, 0)]
    assert sheet.getpixel((158, 83)) == (255, 255, 255)


def test_contact_sheet_of_one() -> None:
    sheet = Image.open(io.BytesIO(contact_sheet([Image.new("RGB", (10, 10))], columns=3, width=64)))
    assert sheet.size == (64, 64)


@pytest.mark.slow
def test_demo(tmp_path: Path, program: Any) -> None:
    folder = tmp_path / "demo"
    done = program("demo", folder)
    assert done.returncode == 0, done.stderr.decode()
    assert b"AUROC" in done.stdout
    assert b"new boards judged correctly" in done.stdout
    for name in ("board.tar.gz", "report.html", "report.json", "contact-sheet.png"):
        assert (folder / name).stat().st_size > 1000
    assert len(list((folder / "annotated").glob("*.png"))) == 9
    # A second time, into the same folder.
    assert program("inspect", folder / "board.tar.gz").returncode == 0
