from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from belvedere.core.errors import StorageError
from belvedere.evaluation import charts, evaluate
from belvedere.evaluation.page import render_page
from belvedere.evaluation.report import PictureRow
from belvedere.evaluation.thumbnails import heat_overlay, outline, thumbnails
from belvedere.tasks.anomaly.result import AnomalyResult
from unit.evaluation.pages import Page

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>.png'
ROWS = [
    ("good/1.png", "normal", 0.1),
    ("good/2.png", "normal", 0.7),
    ("good/3.png", "normal", 0.45),
    (HOSTILE, "anomaly", 0.2, "<b>dent", None, True),
    ("bad/2.png", "anomaly", 0.9, "scratch", None, True),
    ("bad/3.png", "anomaly", 0.55, "scratch", None, True),
]


@pytest.fixture
def report(build):
    dataset, model = build(ROWS, types=("scratch",), name="<i>boards")
    return evaluate(model, dataset, bootstrap=50)


def test_the_page_asks_the_network_for_nothing(report):
    text = render_page(report)
    page = Page(text)
    assert page.all("script") == page.all("link") == page.all("iframe") == []
    sources = [image["src"] for image in page.all("img")]
    assert len(sources) == 2 * len(ROWS)
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "url(" not in text
    assert "@import" not in text
    addresses = set(re.findall(r"https?://[^\"' )]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, never fetched


def test_names_are_text_never_markup(report):
    page = Page(render_page(report))
    assert all(not key.startswith("on") for _, attrs in page.elements for key in attrs)
    assert page.all("i") == []
    assert HOSTILE in page.text
    assert "<b>dent" in page.text
    assert "<i>boards" in page.text


def test_the_page_begins_with_the_verdict_and_is_in_order(report):
    page = Page(render_page(report))
    headings = [tag for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    assert "The model found 2 of 3 defective parts and stopped 1 of 3 good ones." in page.text
    assert all(image.get("alt") for image in page.all("img"))
    order = [
        page.text.index(part)
        for part in ("Key figures", "Verdicts", "Missed defects", "Highest score first", "Close calls", "How to read")
    ]
    assert order == sorted(order)


def test_pixel_metrics_are_shown_only_where_masks_exist(report, build):
    assert "AUPRO" in render_page(report)
    dataset, model = build([row[:3] for row in ROWS])
    assert "AUPRO" not in render_page(evaluate(model, dataset, bootstrap=0))


@pytest.mark.parametrize("label", ["normal", "anomaly"])
@pytest.mark.parametrize("score", [0.0, 1.0])
def test_a_page_of_one_class_and_extreme_scores(build, label, score):
    dataset, model = build([("a", label, score)], threshold=score)
    page = Page(render_page(evaluate(model, dataset)))
    assert "ROC" not in page.text.split("How to read")[0].replace("AUROC", "")
    assert "nan" not in page.text.lower()


def test_save_writes_both_files_and_strict_json(report, tmp_path):
    folder = tmp_path / "new" / "report"
    assert report.save(folder) == folder / "report.html"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]
    plain = json.loads((folder / "report.json").read_text(), parse_constant=pytest.fail)
    assert plain["confusion"] == {"tp": 2, "fp": 1, "tn": 2, "fn": 1}
    assert plain["curves"]["roc"]["threshold"][0] is None
    assert [row["name"] for row in plain["pictures"]] == [row[0] for row in ROWS]
    assert plain["measurements"]["predict_ms"]["p50_ms"] > 0
    assert plain["pixel"]["types"]["scratch"]["pictures"] == 2


def test_the_summary_is_plain_json_without_measurements(report):
    plain = report.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False))["auroc"] == plain["auroc"]
    assert not {"curves", "pictures", "measurements"} & set(plain)


def test_names_that_are_no_unicode_do_not_stop_the_report(build, tmp_path):
    dataset, model = build([("bad\udcff.png", "anomaly", 0.9), ("b", "normal", 0.1)])
    evaluate(model, dataset, bootstrap=0).save(tmp_path / "out")
    plain = json.loads((tmp_path / "out" / "report.json").read_text())
    assert plain["pictures"][0]["name"] == "bad\udcff.png"


def test_a_folder_that_cannot_be_written_is_named(report, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file"):
        report.save(tmp_path / "file")


def test_thumbnails_are_small_jpegs_of_the_right_shape():
    result = AnomalyResult(0.9, 0.5, 2000, 100, np.zeros((8, 160), np.float32), 0.5, np.zeros((100, 2000, 3), np.uint8))
    item = thumbnails(PictureRow("a", "anomaly", None, 0.9, True), "clear", result, None)
    assert (item.width, item.height) == (320, 16)
    assert Image.open(io.BytesIO(item.picture)).size == (320, 16)
    assert Image.open(io.BytesIO(item.heatmap)).format == "JPEG"


def test_a_faint_heatmap_of_a_miss_is_shown_stronger():
    grid = np.full((30, 40), 0.05, np.float32)
    grid[10:20, 5:15] = 0.12  # far below the threshold
    image = np.full((30, 40, 3), 90, np.uint8)
    result = AnomalyResult(0.1, 0.5, 40, 30, grid, 0.5, image)

    def shown(group):
        item = thumbnails(PictureRow("a", "anomaly", None, 0.1, False), group, result, None)
        return item.stretched, np.asarray(Image.open(io.BytesIO(item.heatmap))).astype(int)

    stretched, missed = shown("missed")
    assert stretched
    assert np.abs(missed[14, 10] - 90).max() > 60
    assert np.abs(missed[25, 30] - 90).max() < 12
    stretched, alarm = shown("false alarm")
    assert not stretched
    assert np.abs(alarm - 90).max() < 12


def test_a_flat_heatmap_stays_as_it_is():
    result = AnomalyResult(0.1, 0.5, 40, 30, np.full((30, 40), 0.05, np.float32), 0.5, np.zeros((30, 40, 3), np.uint8))
    assert not thumbnails(PictureRow("a", "anomaly", None, 0.1, False), "missed", result, None).stretched


def test_the_marked_defect_is_outlined_and_left_visible_inside():
    image = np.full((20, 20, 3), 100, np.uint8)
    mask = np.zeros((20, 20), bool)
    mask[10, 10] = True
    drawn = outline(image, mask, (0, 200, 255))
    assert (drawn[10, 10] == 100).all()
    assert (drawn[10, 11] == (0, 200, 255)).all()
    assert (drawn[0, 0] == 100).all()
    assert (image == 100).all()


def test_the_overlay_shows_heat_and_leaves_the_rest_alone():
    image = np.full((1, 3, 3), 100, np.uint8)
    heat = np.array([[0.0, 0.5, 1.0]], np.float32)
    seen = heat_overlay(image, heat, pixel_threshold=0.5).astype(int)
    assert (seen[0, 0] == 100).all()
    assert np.abs(seen[0, 1] - 100).max() > 20
    assert seen[0, 2].sum() > seen[0, 1].sum()  # brighter is hotter


def test_gallery_pictures_in_the_page_can_be_decoded(report):
    for image in Page(render_page(report)).all("img"):
        data = base64.b64decode(image["src"].split(",")[1])
        assert Image.open(io.BytesIO(data)).size == (int(image["width"]), int(image["height"]))


def test_the_operating_point_lies_on_the_roc_curve(report):
    drawing = charts.roc_chart(report)
    x, y = re.search(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawing).groups()
    curve = re.search(r'<path d="M([^"]+)" class="curve"', drawing).group(1)
    assert f"{x} {y}" in curve.split("L")


@pytest.mark.parametrize("threshold", [0.0, 0.33, 0.5, 1.0])
def test_histogram_bars_keep_to_their_side_of_the_threshold(build, threshold):
    dataset, model = build([("a", "normal", 0.33), ("b", "normal", 0.32996), ("c", "normal", 0.9)], threshold=threshold)
    report = evaluate(model, dataset, bootstrap=0, gallery=0)
    drawing = charts.score_chart(report)
    cut = float(re.search(r'<line x1="([\d.]+)"[^>]*class="threshold"', drawing).group(1))
    bars = re.findall(r'<rect x="([\d.]+)"[^>]*width="([\d.]+)"[^>]*class="bar normal( wrong)?"><title>(\d+)', drawing)
    wrong = sum(int(count) for _, _, side, count in bars if side)
    assert wrong == report.confusion.fp
    for left, width, side, _ in bars:
        middle = float(left) + float(width) / 2
        assert (middle > cut) == bool(side)
