"""What is learned, from which data and options, and that it finds what it should."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import belvedere as bv
from helpers.parts import HEIGHT, KINDS, WIDTH, part

pytestmark = pytest.mark.slow
SIZE = 112


def facts_of(model: Any) -> Any:
    return model.artifact.manifest.provenance["training"]


def scores(model: Any, folder: Path) -> list[float]:
    return [result.score for result in model.predict(sorted(folder.rglob("*.jpg")))]


def test_from_normal_pictures_alone(normals: Path, new: Path) -> None:
    with bv.load(normals) as model:
        facts = facts_of(model)
        good, bad = scores(model, new / "normal"), scores(model, new / "anomaly")
        result = model.predict(new / "anomaly" / "blob" / "00.jpg")
    assert (facts["pictures"]["normal"], facts["pictures"]["anomalous"]) == (12, 0)
    assert facts["pictures"]["unusable"] == []
    assert facts["learners"].keys() == {"memory"}
    assert facts["threshold_rule"]["rule"] == "false_alarms"
    assert facts["threshold_rule"]["rate"] == pytest.approx(1 / 13, abs=1e-6)
    assert facts["threshold_rule"]["pictures_needed"] == 9
    assert result.threshold == 0.5
    assert min(bad) > max(good)
    assert sum(score >= 0.5 for score in bad) >= 6
    assert result.types == ()
    assert result.type_mask is None
    assert result.areas == ()


def test_from_labels_and_masks(labelled: Path, new: Path) -> None:
    with bv.load(labelled) as model:
        facts = facts_of(model)
        assert facts["pictures"]["normal"] == 12
        assert facts["pictures"]["anomalous"] == facts["pictures"]["with_masks"] == 8
        assert set(facts["cross_validation"]["learners"]) == {"memory", "picture", "pixel"}
        assert model.artifact.manifest.labels == KINDS
        report = model.evaluate(new)
        found = report.to_dict()
        results = {path: model.predict(path) for path in sorted((new / "anomaly").rglob("*.jpg"))}
    assert found["auroc"] > 0.95
    assert found["f1"] > 0.8
    right = 0
    for path, result in results.items():
        kind = path.parent.name
        truth = np.asarray(Image.open(new / "ground_truth" / kind / f"{path.stem}_mask.png").convert("L")) > 0
        assert result.type_mask is not None
        assert result.type_mask.shape == result.heatmap.shape == (HEIGHT, WIDTH)
        assert set(np.unique(result.type_mask)) <= {0, 1, 2}
        inside, outside = result.heatmap[truth].mean(), result.heatmap[~truth].mean()
        assert inside > 2 * outside, path
        right += bool(result.areas) and max(result.areas, key=lambda area: area.area).label == kind
    assert right >= 6


def test_areas_are_shares_of_the_picture(labelled: Path, new: Path) -> None:
    with bv.load(labelled) as model:
        result = model.predict(new / "anomaly" / "blob" / "00.jpg")
    listed = result.to_dict()
    assert result.areas
    assert listed["types"] == [area.to_dict() for area in result.areas]
    assert result.type_mask is not None
    for area in result.areas:
        covered = result.type_mask == KINDS.index(area.label) + 1
        assert covered.mean() == pytest.approx(area.area, abs=0.02)


def test_normal_only_ignores_the_anomalies(normals: Path, parts: Path) -> None:
    """The same model as from a folder that has none, but for what the manifest says about them."""
    with bv.train(parts, size=SIZE, normal_only=True) as model, bv.load(normals) as plain:
        assert facts_of(model)["options"]["normal_only"] is True
        assert any("8 anomalous pictures are left out" in note for note in facts_of(model)["pictures"]["notes"])
        assert model.artifact.files == plain.artifact.files
        assert model.artifact.manifest.decoder == plain.artifact.manifest.decoder


@pytest.mark.parametrize("rate", [0.01, 0.25])
def test_a_rate_moves_the_threshold_and_nothing_else(normals: Path, parts: Path, new: Path, rate: float) -> None:
    with bv.train(parts, size=SIZE, normal_only=True, false_alarms=rate) as model, bv.load(normals) as plain:
        rule = facts_of(model)["threshold_rule"]
        assert rule["asked"] == rate
        assert rule["rate"] == pytest.approx({0.01: 1 / 13, 0.25: 3 / 13}[rate], abs=1e-6)
        assert rule["pictures_needed"] == {0.01: 99, 0.25: 3}[rate]
        strict, loose = np.array(scores(plain, new)), np.array(scores(model, new))
    # Another scale, the same order; clear anomalies may be equal where the scale ends.
    for first, second in ((strict, loose), (loose, strict)):
        steps = np.diff(first[np.argsort(second, kind="stable")])
        assert (steps < -1e-6).sum() <= (second > 0.999).sum()
    if rate > 1 / 13:
        assert (loose >= 0.5).sum() >= (strict >= 0.5).sum()
        assert (loose >= strict - 1e-6)[strict >= 0.5].all()


@pytest.mark.parametrize("kind", ["normals", "labelled"])
def test_the_region_of_interest_is_all_that_counts(parts: Path, tmp_path: Path, kind: str) -> None:
    """A defect outside of it changes nothing, the same defect inside does; the heatmap is zero outside."""
    roi = np.zeros((HEIGHT, WIDTH), np.uint8)
    roi[:, : WIDTH // 2] = 255
    Image.fromarray(roi).save(tmp_path / "roi.png")
    clean = part(999)[0]
    outside, inside = clean.copy(), clean.copy()
    # Far enough from the border that not even the backbone's widest view reaches over it.
    outside[50:64, 150:158] = (230, 40, 40)
    inside[50:64, 20:34] = (230, 40, 40)
    with bv.train(parts, size=SIZE, roi=tmp_path / "roi.png", normal_only=kind == "normals") as model:
        assert facts_of(model)["options"]["roi"] is True
        plain, out, hit = (model.predict(picture) for picture in (clean, outside, inside))
    assert out.score == pytest.approx(plain.score, abs=0.01)
    assert hit.score > plain.score + 0.05
    assert hit.is_anomalous
    assert not out.is_anomalous
    for result in (plain, out, hit):
        assert result.heatmap[:, WIDTH // 2 + 12 :].max() < 1e-3
    assert hit.heatmap[50:64, 20:34].max() > plain.heatmap.max()
    assert all(region.to_dict() for region in hit.regions)


def test_tiles_keep_small_defects_visible(parts: Path, new: Path, tmp_path: Path) -> None:
    for source, target in ((parts / "normal", "normal"), (new / "anomaly" / "blob", "odd")):
        for path in sorted(source.glob("*.jpg"))[:5]:
            (tmp_path / target).mkdir(exist_ok=True)
            Image.open(path).resize((400, 300)).save(tmp_path / target / path.name)
    shutil.move(tmp_path / "odd", tmp_path.with_name("odd"))
    with bv.train(tmp_path, tile=True) as model:
        taken = model.artifact.manifest.inputs[0].resize
        assert facts_of(model)["options"]["tile"] is True
        assert taken.width * taken.height == pytest.approx(400 * 300, rel=0.1), "tiles see the pictures' own resolution"
        odd, good = scores(model, tmp_path.with_name("odd")), scores(model, tmp_path)
        assert min(odd) > max(good)
        result = model.predict(sorted(tmp_path.with_name("odd").glob("*.jpg"))[0])
    assert result.heatmap.shape == (300, 400)


@pytest.mark.parametrize(("size", "expected"), [(64, (80, 48)), (160, (192, 144))])
def test_size_is_the_side_of_a_square_of_that_area(
    parts: Path, tmp_path: Path, program: Any, size: int, expected: tuple[int, int]
) -> None:
    out = tmp_path / "m.tar.gz"
    done = program("train", parts, "--task", "anomaly", "--normal-only", "--size", size, "--out", out)
    assert done.returncode == 0, done.stderr.decode()
    with bv.load(out) as model:
        taken = model.artifact.manifest.inputs[0].resize
        assert (taken.width, taken.height) == expected
        assert facts_of(model)["options"]["size"] == size


def test_auto_compares_sizes(parts: Path, tmp_path: Path) -> None:
    (tmp_path / "normal").mkdir()
    for path in sorted((parts / "normal").glob("*.jpg"))[:5]:
        shutil.copy(path, tmp_path / "normal")
    with bv.train(tmp_path) as model:
        found = facts_of(model)["cross_validation"]
        taken = model.artifact.manifest.inputs[0].resize
    assert found["size_judged_on"] == "drawn probes"
    assert "256" in found["auroc_by_size"]
    tried = {int(side): quality for side, quality in found["auroc_by_size"].items()}
    chosen = 384 if tried.get(384, 0) > tried[256] + 0.01 else 256
    assert taken.width * taken.height == pytest.approx(chosen**2, rel=0.1)


def test_mixed_sizes(parts: Path, tmp_path: Path) -> None:
    for index, path in enumerate(sorted((parts / "normal").glob("*.jpg"))):
        picture = Image.open(path)
        (tmp_path / "normal").mkdir(exist_ok=True)
        picture.resize((120 + 40 * (index % 3), 90 + 30 * (index % 3))).save(tmp_path / "normal" / path.name)
    with bv.train(tmp_path, size=SIZE) as model:
        for size in ((120, 90), (200, 150), (64, 300), (9, 7)):
            result = model.predict(Image.fromarray(part(5)[0]).resize(size))
            assert (result.width, result.height) == size
            assert result.heatmap.shape == (size[1], size[0])


def test_drawings_and_reports_are_written(labelled: Path, new: Path, program: Any, tmp_path: Path) -> None:
    done = program("predict", labelled, new / "anomaly" / "blob", "--draw", tmp_path / "drawn")
    assert done.returncode == 0, done.stderr.decode()
    assert len(list((tmp_path / "drawn").rglob("*.annotated.png"))) == 4
    judged = program("evaluate", labelled, new, "--report", tmp_path / "report")
    assert judged.returncode == 0, judged.stderr.decode()
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000
