"""Reports of all tasks as pages, files and text."""

from __future__ import annotations

import copy
import json
import pickle
import re

import numpy as np
import pytest

from belvedere.evaluation import evaluate
from belvedere.evaluation.task_page import render_task_page
from helpers.answers import class_map, classifier, detector, poser
from helpers.instances import thing
from unit.evaluation.pages import Page
from unit.evaluation.test_people import ANNA, LAYOUT, NAMES, person
from unit.evaluation.test_things import LABELS, ROWS

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
BOX, OTHER = (10, 10, 40, 40), (50, 20, 90, 70)


def rows_of(task, labels):
    """Three pictures of a task: right, wrong, and one where nothing is there or said."""
    if task == "classification":
        scores = np.eye(len(labels), dtype=np.float32) * 0.8
        return [(f"{n}<i>.png", {"category": labels[n % 2]}, classifier(labels, scores[n // 2])) for n in range(3)]
    if task == "pose":
        known = {"instances": (person(ANNA),)}
        return [
            ("1<i>.png", known, poser(NAMES, [ANNA], [0.9])),
            ("2.png", known, poser(NAMES, [ANNA + 30], [0.9])),
            ("3.png", {"instances": ()}, poser(NAMES, [], [])),
        ]
    known = {"instances": (thing(labels[1], *BOX), thing(labels[0], *OTHER))}
    if task == "semantic-segmentation":
        return [(f"{n}<i>.png", known, class_map(labels, np.full((80, 100), n % 2))) for n in range(3)]
    masks = task == "instance-segmentation"
    return [
        ("1<i>.png", known, detector(labels, (1, 0.9, BOX), (1, 0.8, OTHER), masks=masks)),
        ("2.png", known, detector(labels, (1, 0.4, (30, 10, 60, 40)), masks=masks)),
        ("3.png", {"instances": ()}, detector(labels, masks=masks)),
    ]


TASKS = ("classification", "detection", "instance-segmentation", "semantic-segmentation", "pose")


@pytest.fixture(params=TASKS)
def report(request, table):
    labels = ("dog", HOSTILE)
    facts = {"keypoints": LAYOUT} if request.param == "pose" else {}
    threshold = None if request.param in ("classification", "semantic-segmentation") else 0.3
    dataset, model = table(
        request.param, rows_of(request.param, labels), labels=labels, threshold=threshold, name="<b>set", **facts
    )
    return evaluate(model, dataset, bootstrap=30)


def test_the_page_asks_the_network_for_nothing_and_names_are_text(report):
    text = render_task_page(report)
    page = Page(text)
    assert page.all("script") == page.all("link") == page.all("iframe") == []
    assert all(not key.startswith("on") for _, attrs in page.elements for key in attrs)
    assert {image["src"].split(",")[0] for image in page.all("img")} == {"data:image/jpeg;base64"}
    assert "url(" not in text
    assert "@import" not in text
    assert set(re.findall(r"https?://[^\"' )]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "<b>set" in page.text
    assert "1<i>.png" in page.text
    if report.task != "pose":
        assert HOSTILE in page.text
    assert "nan" not in page.text.lower()


def test_the_page_says_what_was_found_and_how(report):
    page = Page(render_task_page(report))
    headings = [tag for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert headings.count("h1") == 1
    assert all(image.get("alt") for image in page.all("img"))
    for part in ("Key figures", "What was tested", "How to read this", "A small test: 3 pictures"):
        assert part in page.text
    order = [page.text.index(part) for part in ("Key figures", "worst mistakes first", "What was tested")]
    assert order == sorted(order)


def test_json_is_strict_and_complete(report, tmp_path):
    folder = tmp_path / "deep" / "report"
    assert report.save(folder) == folder / "report.html"
    plain = json.loads((folder / "report.json").read_text(), parse_constant=pytest.fail)
    assert plain["task"] == report.task
    assert [row["name"] for row in plain["pictures"]] == [row["name"] for row in report.pictures]
    assert plain["measurements"]["predict_ms"]["p50_ms"] > 0
    for name in report.main:
        assert name in plain
    for row in plain["per_class"].values():
        assert all(value is None or isinstance(value, (int, float)) for value in row.values())
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


def test_it_prints_its_figures(report):
    assert repr(report).startswith(f"<TaskReport: 'table' ({report.task}) on 3 pictures of '<b>set': ")
    assert len(repr(report)) < 250
    lines = str(report).splitlines()
    assert lines[0].startswith("3 pictures of <b>set")
    assert any("95 % interval" in line for line in lines)


def test_figures_are_attributes(report):
    name = report.main[0]
    assert getattr(report, name) == report.figures[name]
    assert name in dir(report)
    with pytest.raises(AttributeError, match=f"has no 'nonsense'; its figures: .*{name}"):
        _ = report.nonsense
    again = pickle.loads(pickle.dumps(copy.copy(report)))
    assert again.to_dict() == report.to_dict()


def test_the_same_seed_gives_the_same_summary(table):
    dataset, model = table("detection", ROWS, labels=LABELS, threshold=0.3)
    once = evaluate(model, dataset, seed=4, bootstrap=60).to_dict()
    assert evaluate(model, dataset, seed=4, bootstrap=60).to_dict() == once
    assert evaluate(model, dataset, seed=5, bootstrap=60).to_dict()["intervals"] != once["intervals"]


def test_many_classes_are_listed_not_drawn(table):
    labels = tuple(f"c{number}" for number in range(50))
    rows = [
        (f"{n}.png", {"category": labels[n]}, classifier(labels, np.eye(50, dtype=np.float32)[(n + n % 2) % 50]))
        for n in range(50)
    ]
    dataset, model = table("classification", rows, labels=labels)
    report = evaluate(model, dataset, bootstrap=0, gallery=0)
    page = Page(render_task_page(report))
    assert "What is taken for what" in page.text
    assert "Confusion matrix" not in " ".join(attrs.get("aria-label", "") for attrs in page.all("svg"))
    assert "20 more classes" in page.text
    assert "... 30 more classes" in str(report)
