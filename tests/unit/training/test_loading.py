"""From records to examples: mirrored and turned copies, masks and regions lie on the same grid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from belvedere.data.open import open_dataset
from belvedere.data.record import BinaryMask, Mask, Record
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.learners import Example
from belvedere.training.anomaly.loading import Views, cover_of, load_examples
from belvedere.training.anomaly.turning import shown
from helpers.features import tiny_backbone

WIDTH, HEIGHT = 96, 64
# Half a cell beyond its own: mirrored pictures then give exactly mirrored features of what they show.
MIRRORS = (lambda grid: grid[:, ::-1], lambda grid: grid[::-1], lambda grid: grid[::-1, ::-1])


def write_record(folder: Path, seed: int = 0, label: str = "anomaly") -> Record:
    """Noise with a bright block at cells (1..2, 7..9), where its mask is."""
    picture = np.random.default_rng(seed).integers(0, 90, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[8:24, 56:80] = 255
    if label == "anomaly":
        picture[8:24, 56:80] = 250
    Image.fromarray(picture).save(folder / f"{seed}.png")
    Image.fromarray(mask).save(folder / f"{seed}_mask.png")
    source = BinaryMask(folder / f"{seed}_mask.png", "dent") if label == "anomaly" else None
    return Record(f"{seed}.png", folder / f"{seed}.png", label, "dent" if source else None, None, source)  # type: ignore[arg-type]


def load(record: Record, geometry: Geometry, views: Views = Views()) -> Example:  # noqa: B008
    return load_examples([record], ("dent",), tiny_backbone(reach=0), geometry, views, exif=True)[0]


def brightness(cells: np.ndarray) -> np.ndarray:
    """The tiny backbone's response to a bright cell differs from all dark ones; its norm tells them apart."""
    return np.linalg.norm(cells.astype(np.float32), axis=1)


def test_cells_and_cover_line_up(tmp_path: Path) -> None:
    example = load(write_record(tmp_path), Geometry(WIDTH, HEIGHT, 8))
    assert example.anomalous
    assert example.stratum == "anomaly/dent"
    assert example.cover is not None
    grid = example.cover[0].reshape(8, 12)
    expected = np.zeros((8, 12), np.float32)
    expected[1:3, 7:10] = 1
    assert np.array_equal(grid, expected)
    # The block is uniform, so its cells are all alike and unlike the noise.
    inside = example.cells[grid.reshape(-1) > 0].astype(np.float32)
    outside = example.cells[grid.reshape(-1) == 0].astype(np.float32)
    assert np.ptp(inside, axis=0).max() < 1e-2
    assert np.linalg.norm(outside - inside.mean(axis=0), axis=1).min() > 0.1


def roi_of() -> np.ndarray:
    roi = np.zeros((8, 12), bool)
    roi[0:5, 4:12] = True
    roi[7, 0] = True
    return roi


@pytest.mark.parametrize("roi", [None, roi_of()], ids=["all", "roi"])
def test_mirrored_copies_line_up_with_their_covers(tmp_path: Path, roi: np.ndarray | None) -> None:
    """Loading a mirrored file with a mirrored mask and region gives exactly the mirrored copy."""
    record, geometry = write_record(tmp_path), Geometry(WIDTH, HEIGHT, 8, roi=roi)
    example = load(record, geometry, Views(mirrored=True))
    assert len(example.mirrored) == 3
    assert example.cells.shape == (len(geometry.cells), 12)
    for index, (mirror, copy) in enumerate(zip(MIRRORS, example.mirrored, strict=True)):
        assert isinstance(record.mask, BinaryMask)
        folder = tmp_path / str(index)
        folder.mkdir()
        Image.fromarray(np.ascontiguousarray(mirror(record.image()))).save(folder / "0.png")
        Image.fromarray(np.ascontiguousarray(mirror(np.asarray(Image.open(record.mask.path))))).save(folder / "m.png")
        flipped = replace(record, path=folder / "0.png", mask=BinaryMask(folder / "m.png", "dent"))
        expected = load(flipped, geometry if roi is None else Geometry(WIDTH, HEIGHT, 8, roi=mirror(roi)))
        assert np.array_equal(copy.cells, expected.cells)
        assert copy.cover is not None
        assert np.array_equal(copy.cover, expected.cover)
        assert copy.cover.sum() == example.cover.sum() > 0  # type: ignore[union-attr]


def test_region_of_interest_selects_cells(tmp_path: Path) -> None:
    record, roi = write_record(tmp_path), roi_of()
    whole = load(record, Geometry(WIDTH, HEIGHT, 8))
    inside = load(record, Geometry(WIDTH, HEIGHT, 8, roi=roi))
    assert np.array_equal(inside.cells, whole.cells[roi.reshape(-1)])
    assert inside.cover is not None
    assert whole.cover is not None
    assert np.array_equal(inside.cover, whole.cover[:, roi.reshape(-1)])


def test_turned_copies(tmp_path: Path) -> None:
    record = write_record(tmp_path, label="normal")
    example = load(record, Geometry(WIDTH, HEIGHT, 8), Views(angles=(90.0, 180.0)))
    assert len(example.views) == len(example.valid) == 3
    assert example.valid[0].all()
    assert np.array_equal(example.valid[1], shown(8, 12, 90.0))
    half_turn = example.views[2].reshape(8, 12, -1)
    turned_file = replace(record, path=tmp_path / "turned.png")
    Image.fromarray(np.ascontiguousarray(record.image()[::-1, ::-1])).save(turned_file.path)
    assert np.array_equal(half_turn.reshape(96, -1), load(turned_file, Geometry(WIDTH, HEIGHT, 8)).cells)
    assert not example.anomalous
    assert example.cover is None


def test_several_pictures_keep_their_copies_apart(tmp_path: Path) -> None:
    records = [write_record(tmp_path, seed) for seed in range(3)]
    geometry, views = Geometry(WIDTH, HEIGHT, 8), Views(mirrored=True)
    steps: list[int] = []
    together = load_examples(
        records, ("dent",), tiny_backbone(), geometry, views, exif=True, advance=lambda: steps.append(1)
    )
    assert len(steps) == 3 * views.count == 12
    for record, example in zip(records, together, strict=True):
        alone = load_examples([record], ("dent",), tiny_backbone(), geometry, views, exif=True)[0]
        assert np.array_equal(example.cells, alone.cells)
        for one, other in zip(example.mirrored, alone.mirrored, strict=True):
            assert np.array_equal(one.cells, other.cells)


def test_cover_is_a_share_per_type() -> None:
    index = np.zeros((64, 96), np.uint8)
    index[0:4, 0:8] = 1
    index[8:16, 8:16] = 2
    mask = Mask(("dent", "stain"), index)
    cover = cover_of(mask, ("stain", "missing", "dent"), Geometry(WIDTH, HEIGHT, 8))
    assert cover.shape == (3, 96)
    assert cover[2, 0] == pytest.approx(0.5, abs=0.01)
    assert cover[0, 13] == 1
    assert cover.sum() == pytest.approx(1.5, abs=0.01)


def test_an_empty_mask_is_no_mask(tmp_path: Path) -> None:
    record = write_record(tmp_path)
    assert isinstance(record.mask, BinaryMask)
    Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(record.mask.path)
    assert load(record, Geometry(WIDTH, HEIGHT, 8)).cover is None


def test_a_folder_loads(tmp_path: Path) -> None:
    """Pictures of several sizes give the same number of cells."""
    for index, size in enumerate([(50, 40), (200, 10), (16, 16)]):
        (tmp_path / "normal").mkdir(exist_ok=True)
        Image.new("RGB", size, (9 * index, 80, 80)).save(tmp_path / "normal" / f"{index}.png")
    records = open_dataset(tmp_path).records
    examples = load_examples(records, (), tiny_backbone(), Geometry(64, 48, 8), Views(), exif=True)
    assert {example.cells.shape for example in examples} == {(48, 12)}
