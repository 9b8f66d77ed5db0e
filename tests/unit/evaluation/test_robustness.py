"""Models that look at pixels, judged under field conditions: where truths follow exactly, geometry costs nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from belvedere.core.errors import DatasetError, EngineError, OptionError
from belvedere.data.dataset import Dataset
from belvedere.data.masks import BinaryMask
from belvedere.data.record import Record
from belvedere.data.transformations import KINDS
from belvedere.evaluation import evaluate
from belvedere.evaluation.robustness import RobustnessOptions, measure_robustness
from belvedere.evaluation.robustness_report import Condition, RobustnessReport
from belvedere.evaluation.robustness_words import change, robustness_lines, summary
from belvedere.tasks.anomaly.intervals import Interval
from belvedere.tasks.anomaly.result import AnomalyResult
from belvedere.tasks.detection.result import DetectionResult
from belvedere.vision.decode import decode
from belvedere.vision.rle import encode
from helpers.instances import thing

SIZE = (120, 90)
DISTORTIONS = tuple(name for name, kind in KINDS.items() if kind.group == "distortion")


@dataclass
class Eye:
    """Finds what is white: things, or how much more of it there is than in a dark picture."""

    task: str = "detection"
    fails_in_the_dark: bool = False
    looked: int = 0

    @property
    def artifact(self):
        labels = () if self.task == "anomaly" else ("square",)
        decoder = SimpleNamespace(threshold=0.3)
        manifest = SimpleNamespace(name="eye", task=self.task, labels=labels, decoder=decoder, inputs=())
        return SimpleNamespace(digest="ab" * 32, manifest=manifest, reports={})

    def predict(self, source, /):
        self.looked += 1
        image = decode(source)
        height, width = image.shape[:2]
        if self.fails_in_the_dark and image.max() < 200:
            raise EngineError("outputs are not numbers")
        white = image[..., 0] > 140
        if self.task == "anomaly":
            heat = white.astype(np.float32)
            return AnomalyResult(float(image.mean() / 255), 0.147, width, height, heat, 0.5, image)
        numbers, count = ndimage.label(white)
        runs = [encode(numbers == number) for number in range(1, count + 1) if (numbers == number).sum() > 8]
        boxes = np.array([one.box_xyxy for one in runs], np.float32).reshape(-1, 4)
        scores = np.linspace(0.9, 0.8, len(runs)).astype(np.float32)
        ids = np.zeros(len(runs), np.int64)
        masks = tuple(runs) if self.task == "instance-segmentation" else None
        return DetectionResult(boxes, scores, ids, ("square",), image, mask_runs=masks)


@pytest.fixture
def squares(tmp_path):
    """Dark pictures with white rectangles, marked; every other one is also labelled anomalous, and has a mask."""
    records = []
    rng = np.random.default_rng(0)
    for number in range(6):
        pixels = np.full((SIZE[1], SIZE[0], 3), 30, np.uint8)
        things = []
        for place in range(2 if number % 2 == 0 else 0):
            left, top = int(rng.integers(10, 30)) + 55 * place, int(rng.integers(15, 40))
            wide, high = (int(side) for side in rng.integers(14, 26, 2))
            pixels[top : top + high, left : left + wide] = 255
            things.append(thing("square", left, top, left + wide, top + high))
        name, path = f"{number}.png", tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path)
        mask = None
        if things:
            mask = BinaryMask(tmp_path / f"{number}.mask.png")
            Image.fromarray(np.uint8(255) * (pixels[..., 0] > 128)).save(mask.path)
        label = "anomaly" if things else "normal"
        records.append(Record(name, path, label, mask=mask, instances=tuple(things)))
    return Dataset(tuple(records), classes=("square",))


def measured(model, dataset, **options):
    report = evaluate(model, dataset, bootstrap=50)
    return report, measure_robustness(model, dataset, report, RobustnessOptions(**options))


@pytest.mark.parametrize(("task", "metric"), [("detection", "ap50"), ("instance-segmentation", "mask_ap50")])
def test_distortion_costs_an_eye_for_pixels_nothing(squares, task, metric):
    _, found = measured(Eye(task), squares, transformations=DISTORTIONS, levels=(1, 5))
    assert found.metric == metric
    for one in found.conditions:
        assert one.figures[metric] == pytest.approx(1.0), one
        prefix = metric.removesuffix("50")
        assert one.figures[f"{prefix}75"] == pytest.approx(1.0), one
        assert one.pictures == 6
    assert found.relative == pytest.approx(1.0)
    assert found.worst.level == 1, "of equal losses the lowest level is told"


def test_darkness_costs_it_everything_from_some_level_on(squares):
    _, found = measured(Eye(), squares, transformations=("underexposure", "warm"), levels=(5, 1, 3))
    assert [level for level, _ in found.curve("underexposure")] == [0, 1, 3, 5]
    values = dict(found.curve("underexposure"))
    assert values[0] == values[1] == pytest.approx(1.0)
    assert values[5] == 0
    assert (found.worst.name, found.loss(found.worst)) == ("underexposure", 1.0)
    assert found.mean_loss(group="lighting") == found.mean_loss()
    assert "loses most under underexposure" in summary(found)
    assert "warm" in summary(found)


def test_anomaly_figures_show_a_threshold_that_does_not_fit(squares):
    _, found = measured(Eye("anomaly"), squares, transformations=("overexposure", "crop"), levels=(5,))
    bright, cropped = found.conditions
    assert found.metric == "auroc"
    assert (found.clean["auroc"], found.clean["false_alarm_rate"]) == (1.0, 0.0)
    assert (bright.figures["auroc"], bright.figures["false_alarm_rate"]) == (1.0, 1.0)
    assert "false alarms rise from 0 % to 100 % under overexposure, level 5" in summary(found)
    assert cropped.figures["pixel_auroc"] == pytest.approx(1.0)


def test_anomalies_out_of_sight_do_not_count(squares, tmp_path):
    pixels = np.full((SIZE[1], SIZE[0], 3), 30, np.uint8)
    pixels[0, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "corner.png")
    record = Record("corner.png", tmp_path / "corner.png", "anomaly", mask=BinaryMask(tmp_path / "corner.png"))
    dataset = replace(squares, records=(*squares.records, record))
    _, found = measured(Eye("anomaly"), dataset, transformations=("pincushion", "blur"), levels=(3,))
    assert [one.pictures for one in found.conditions] == [6, 7]
    assert "do not count: 1 of 7 under pincushion 3" in found.notes[0]
    bare = replace(squares, records=(*squares.records[1:], replace(squares.records[0], mask=None)))
    _, found = measured(Eye("anomaly"), bare, transformations=("crop",), levels=(1,))
    assert found.notes == (
        "1 anomalous picture has no mask: under distortion its defect may be out of sight and count as missed.",
    )


def test_normal_pictures_alone_are_judged_by_those_let_pass(squares):
    _, found = measured(
        Eye("anomaly"), squares.subset({"1.png", "3.png"}), transformations=("overexposure",), levels=(1, 5)
    )
    assert found.metric == "specificity"
    assert [value for _, value in found.curve("overexposure")] == [1.0, 1.0, 0.0]


def test_samples_are_even_and_repeatable(squares):
    model = Eye("anomaly")
    report, found = measured(model, squares, transformations=("blur",), levels=(1,), pictures=4, seed=2)
    again = measure_robustness(model, squares, report, RobustnessOptions(("blur",), (1,), 4, 2))
    assert found.sample == again.sample
    assert (len(found.sample), found.available) == (4, 6)
    labels = {record.name: record.label for record in squares}
    assert sorted(labels[name] for name in found.sample) == ["anomaly", "anomaly", "normal", "normal"]
    assert labels[found.example_name] == "anomaly"
    samples = {RobustnessOptions(("blur",), (1,), 2, seed) for seed in range(8)}
    assert len({measure_robustness(model, squares, report, one).sample for one in samples}) > 1


def test_whole_datasets_are_not_judged_twice_as_they_are(squares):
    model = Eye()
    report = evaluate(model, squares, bootstrap=50)
    model.looked = 0
    steps = []
    found = measure_robustness(
        model, squares, report, RobustnessOptions(("blur", "crop"), (1, 2)), lambda *step: steps.append(step)
    )
    assert model.looked == 4 * 6
    assert found.clean["ap50"] == report.ap50
    assert [done for _, done, _ in steps] == list(range(1, 25))
    assert {(stage, total) for stage, _, total in steps} == {("judge under field conditions", 24)}


def test_a_condition_under_which_nothing_can_be_judged_is_told(squares):
    model = Eye(fails_in_the_dark=True)
    _, found = measured(model, squares.subset({"0.png", "2.png"}), transformations=("underexposure",), levels=(1, 5))
    first, last = found.conditions
    assert first.figures["ap50"] == pytest.approx(1.0)
    assert (last.figures["ap50"], last.pictures, found.loss(last)) == (None, 0, None)
    assert "Under underexposure 5 nothing could be judged: none of the 2 labelled pictures" in found.notes[0]
    assert found.curve("underexposure") == [(0, pytest.approx(1.0)), (1, pytest.approx(1.0))]


def test_another_dataset_is_refused(squares):
    report = evaluate(Eye(), squares, bootstrap=0)
    with pytest.raises(DatasetError, match="lacks pictures that the report is about"):
        measure_robustness(Eye(), squares.subset({"0.png"}), report)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"transformations": ("fog",)}, "unknown transformation 'fog'"),
        ({"levels": (0, 1)}, "level 0: expected 1 to 5"),
        ({"levels": (6,)}, "level 6 of 'underexposure'"),
        ({"levels": ()}, "at least one transformation, one level"),
        ({"pictures": 0}, "and one picture"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(OptionError, match=message):
        RobustnessOptions(**options)


def test_the_report_shows_curves_and_pictures(squares, tmp_path):
    report, found = measured(Eye(), squares, transformations=("underexposure", "barrel"), levels=(1, 5))
    whole = replace(report, robustness=found)
    page = whole.save(tmp_path).read_text(encoding="utf-8")
    assert page.index("Under field conditions") < page.index("Every picture")
    assert page.count('class="condition"') == 2
    assert "ap50 under underexposure: 1.000 at level 0" in page
    assert page.count("under barrel, level 5") == 1
    saved = json.loads((tmp_path / "report.json").read_bytes())["robustness"]
    assert saved == json.loads(json.dumps(found.to_dict()))
    assert saved["transformations"]["barrel"]["levels"][1]["parameters"] == {"k1": -0.28}
    assert saved["sample"] == {"pictures": 6, "of": 6, "seed": 0, "names": list(found.sample)}
    lines = "\n".join(robustness_lines(saved))
    assert "AP50 on 6 of 6 pictures, 1.000 as they are" in lines
    assert "worst: underexposure at level 5 (−100 %)" in lines
    assert "robustness" not in report.to_dict()
    assert "Under field conditions" not in report.save(tmp_path / "plain").read_text(encoding="utf-8")


def test_the_anomaly_report_has_the_section_too(squares, tmp_path):
    report, found = measured(Eye("anomaly"), squares, transformations=("glare",), levels=(2,))
    page = replace(report, robustness=found).save(tmp_path).read_text(encoding="utf-8")
    assert "100 % found, 0 % false alarms" in page
    assert "robustness" in json.loads((tmp_path / "report.json").read_bytes())


def _told(clean, *values, interval=None, figures=None):
    conditions = tuple(Condition("blur", level, {"ap50": value}, 5) for level, value in enumerate(values, 1))
    return RobustnessReport("ap50", {"ap50": clean}, interval, conditions, ("a",), 1, (1, 2), 0, b"", "a")


def test_losses_are_shares_of_what_there_was():
    report = _told(0.8, 0.6, 0.88, interval=Interval(0.7, 0.9))
    assert [report.loss(one) for one in report.conditions] == pytest.approx([0.25, -0.1])
    assert report.mean == pytest.approx(0.74)
    assert report.relative == pytest.approx(0.925)
    assert report.worst.level == 1
    assert (change(0.25), change(-0.1), change(0.001), change(None)) == ("−25 %", "+10 %", "±0 %", "")


@pytest.mark.parametrize("clean", [None, 0.0])
def test_nothing_is_compared_with_nothing(clean):
    report = _told(clean, 0.0, None)
    assert (report.worst, report.relative, report.mean_loss()) == (None, None, None)
    assert "nothing can be compared" in summary(report)
    assert report.to_dict()["worst"] is None
    assert any("–" in line for line in robustness_lines(report.to_dict()))
