from __future__ import annotations

from pathlib import Path

import pytest

from belvedere.compiler.binding import FAMILIES, Wanted, bind
from belvedere.core.errors import CompileError, OptionError
from belvedere.runtime.decoders import TASKS
from belvedere.tasks.label_sets import label_set
from helpers.binding import manifest_of, network

NCHW, NHWC = ("data", (1, 3, 64, 96)), ("image", (1, 64, 96, 3), "uint8")
TRIPLE = [("ids", (1, 100, 1)), ("scores", (1, 100, 1)), ("boxes", (1, 100, 4))]
CLASSES = [("logits", (1, 10))]
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def bound(inputs, outputs, framework="onnx", first="Conv", makers=(), **wanted):
    imported = network([inputs] if isinstance(inputs[0], str) else inputs, outputs, framework=framework, first=first,
                       makers=makers)  # fmt: skip
    found = bind(imported, Wanted(**wanted))
    manifest_of(found, imported.outputs)  # every binding makes a manifest
    return found


def picture(found):
    taken = found.inputs[0]
    return taken.color, round(1 / taken.scale, 6), taken.mean, taken.std


def test_recognised_without_a_word_predicts_typed_results_and_makes_up_no_normalisation():
    found = bound(NCHW, TRIPLE)
    assert (found.task, found.family, found.normalisation_known) == ("detection", "gluoncv", False)
    assert picture(found) == ("RGB", 1, (0.0,), (1.0,))
    assert found.decoder.outputs == ("ids", "scores", "boxes")
    text = " ".join(found.notes)
    assert "nothing in the file tells" in text
    assert "--decoder gluoncv-ssd (RGB / 255, mean 0.485 0.456 0.406, std 0.229 0.224 0.225)" in text
    assert found.provenance() == {"family": "gluoncv", "normalisation": "not known"}


def test_a_named_family_brings_its_convention():
    found = bound(NCHW, TRIPLE, decoder="gluoncv-ssd", labels="voc20")
    assert picture(found) == ("RGB", 255, *IMAGENET)
    assert found.labels == label_set("voc20")
    assert found.normalisation_known
    assert any("GluonCV's presets" in note for note in found.notes)


def test_the_users_numbers_win():
    found = bound(NCHW, TRIPLE, decoder="gluoncv-ssd", mean=(123.675, 116.28, 103.53), std=(58.4, 57.1, 57.4))
    assert picture(found) == ("RGB", 1, (123.675, 116.28, 103.53), (58.4, 57.1, 57.4))
    small = bound(NCHW, TRIPLE, mean=IMAGENET[0], std=IMAGENET[1])
    assert picture(small) == ("RGB", 255, *IMAGENET)
    scaled = bound(NCHW, TRIPLE, scale=1 / 127.5, mean=(1.0,), color="BGR")
    assert picture(scaled) == ("BGR", 127.5, (1.0,) * 3, (1.0,) * 3)
    assert scaled.normalisation_known


def test_a_network_that_normalises_itself_gets_the_pixels():
    found = bound(NCHW, TRIPLE, decoder="gluoncv-ssd", first="Sub")
    assert picture(found) == ("RGB", 1, (0.0,), (1.0,))
    assert any("arithmetic of its own" in note for note in found.notes)


def test_bytes_need_no_normalisation():
    found = bound(NHWC, CLASSES)
    assert found.normalisation_known
    assert (found.inputs[0].dtype, found.inputs[0].layout, found.inputs[0].scale) == ("uint8", "NHWC", 1.0)
    with pytest.raises(OptionError, match="takes bytes"):
        bound(NHWC, CLASSES, mean=(0.5,))


def test_yolox_needs_none_and_is_a_letterbox():
    grid = [("out", (1, 8 * 12 + 4 * 6 + 2 * 3, 85))]
    found = bound(NCHW, grid, labels="coco80")
    assert picture(found) == ("BGR", 1, (0.0,), (1.0,))
    resize = found.inputs[0].resize
    assert (resize.mode, resize.anchor, resize.fill, resize.kernel) == ("letterbox", "top-left", "#727272", "linear")
    assert found.decoder.iou == 0.45
    with pytest.raises(OptionError, match="20 labels for a network with 80 classes"):
        bound(NCHW, grid, labels="voc20")


def test_darknet_divides_by_255_itself():
    found = bound(NCHW, [("a", (507, 85)), ("b", (2028, 85))], framework="darknet", labels="coco80")
    assert picture(found) == ("RGB", 255, (0.0,), (1.0,))
    assert found.decoder.form == "darknet"
    assert found.decoder.outputs == ("a", "b")


@pytest.mark.parametrize(("maker", "activation"), [("Gemm", "softmax"), ("Softmax", "none"), ("Sigmoid", "none")])
def test_classifiers_say_what_their_numbers_are(maker, activation):
    assert bound(NCHW, CLASSES, makers=[maker]).decoder.activation == activation


def test_quantised_classifiers_of_tensorflow():
    found = bound(NHWC, [("out", (1, 1001), "uint8")], labels="imagenet1000")
    assert (found.decoder.scale, found.decoder.zero_point, found.decoder.background) == (1 / 256, 0, 1)
    assert len(found.labels) == 1000
    signed = bound(NHWC, [("out", (1, 10), "int8")])
    assert (signed.decoder.activation, signed.decoder.zero_point) == ("none", -128)


def test_labels_of_classifiers():
    assert bound(NCHW, CLASSES, labels=[f"c{i}" for i in range(9)]).decoder.background == 1
    with pytest.raises(OptionError, match="8 labels for a network with 10 classes"):
        bound(NCHW, CLASSES, labels=[f"c{i}" for i in range(8)])
    assert any("imagenet1000?" in note for note in bound(NCHW, [("out", (1, 1000))]).notes)
    with pytest.raises(OptionError, match="not empty"):
        bound(NCHW, CLASSES, labels=["a", ""])


def test_imagenet_classifiers_see_the_middle():
    found = bound(("data", (1, 3, 224, 224)), [("out", (1, 1000))], decoder="gluoncv-classifier")
    assert (found.inputs[0].resize.mode, found.inputs[0].resize.short) == ("crop", 256)
    assert bound(("data", (1, 3, 224, 224)), [("out", (1, 1000))]).inputs[0].resize.mode == "stretch"
    assert bound(NCHW, CLASSES, resize="letterbox", kernel="nearest").inputs[0].resize.kernel == "nearest"


def test_background_of_segmentation_is_known_by_its_name():
    found = bound(NCHW, [("main", (1, 21, 64, 96)), ("aux", (1, 21, 64, 96))], labels="voc21")
    assert (found.task, found.decoder.output, found.decoder.background) == ("semantic-segmentation", "main", 0)
    assert bound(NCHW, [("main", (1, 5, 64, 96))], labels=list("abcde")).decoder.background is None


def test_masks_bind_to_instance_segmentation():
    found = bound(
        NCHW, [*TRIPLE, ("masks", (1, 100, 14, 14))], decoder={"family": "gluoncv-mask-rcnn", "threshold": 0.7}
    )
    assert (found.task, found.decoder.kind) == ("instance-segmentation", "instances")
    assert found.decoder.boxes.threshold == 0.7


def test_joints_may_have_names():
    found = bound(NCHW, [("out", (1, 17, 16, 24))], decoder="gluoncv-pose")
    assert picture(found) == ("RGB", 255, *IMAGENET)
    assert found.labels == ()
    named = bound(NCHW, [("out", (1, 17, 16, 24))], labels=[f"j{i}" for i in range(17)])
    assert named.decoder.names[3] == "j3"


def test_the_size_of_a_free_input_must_be_said():
    free = ("data", (-1, 3, -1, -1))
    assert bound(free, CLASSES).task == "tensor"
    with pytest.raises(CompileError, match="leaves its size free"):
        bound(free, CLASSES, task="classification")
    found = bound(free, CLASSES, task="classification", size=(40, 30))
    assert found.inputs[0].shape == (-1, 3, 30, 40)
    with pytest.raises(OptionError, match="takes 96x64"):
        bound(NCHW, CLASSES, size=(40, 30))


@pytest.mark.parametrize(
    ("taken", "outputs", "makers", "said"),
    [
        (
            ("image_tensor", (-1, -1, -1, 3), "uint8"),
            [
                (f"detection_{name}", (-1, 10, *rest))
                for name, rest in (("boxes", (4,)), ("classes", ()), ("scores", ()))
            ],
            (),
            "Object Detection API. To bind it, declare its size: --input image_tensor=1x300x300x3",
        ),
        (
            ("input_layer", (-1, -1, -1, 3)),
            [("out", (-1, -1, -1, 4))],
            ["Softmax"],
            "a segmentation network. To bind it, declare its size: --input input_layer=1x512x512x3",
        ),
        (
            ("data", (2, 3, 64, -1)),
            [("out", (2, 1000))],
            (),
            "a classifier. To bind it, declare its size: --input data=2x3x64x224",
        ),
        (
            ("x", (-1, 3, -1, -1)),
            [("a", (-1, 7, -1))],
            (),
            "any size. To bind it, declare its size: --input x=1x3x224x224",
        ),
    ],
)
def test_a_free_size_is_asked_for_with_the_very_words(taken, outputs, makers, said):
    found = bound(taken, outputs, makers=makers)
    assert found.task == "tensor"
    assert found.notes[0].endswith(said)


@pytest.mark.parametrize(
    ("output", "task", "many"),
    [
        (("embedding", (1, 512)), "classification", "512 numbers a picture"),
        (("features", (1, 2048, 1, 1)), "classification", "2048 numbers a picture"),
        (("maps", (1, 16, 64, 96)), "semantic-segmentation", "16 numbers a pixel"),
    ],
)
def test_what_may_be_features_is_bound_when_the_user_says_that_it_is_classes(output, task, many):
    found = bound(NCHW, [output])
    assert found.task == "tensor"
    assert many in found.notes[0]
    assert f"--task {task} or name them with --labels" in found.notes[0]
    assert bound(NCHW, [output], task=task).task == task
    classes = 512 if "512" in many else 2048 if "2048" in many else 16
    assert bound(NCHW, [output], labels=[f"c{i}" for i in range(classes)]).task == task
    with pytest.raises(CompileError, match=f"{many}.*--task {task}.*or --task tensor"):
        bound(NCHW, [output], mean=(0.5,), std=(0.5,))
    with pytest.raises(CompileError, match=r"looks like a .*, not pose"):
        bound(NCHW, [output], task="pose")


def test_pictures_go_in_as_half_precision():
    found = bound(("data", (1, 3, 64, 96), "float16"), [("logits", (1, 10), "float16")], mean=IMAGENET[0])
    assert (found.task, found.inputs[0].dtype) == ("classification", "float16")
    assert picture(found) == ("RGB", 255, IMAGENET[0], (1.0,) * 3)
    assert bound(("data", (1, 3, 64, 96), "float64"), [("logits", (1, 10))]).task == "tensor"


def test_fields_of_the_decoder_may_be_given():
    fields = {"threshold": 0.5, "most": 7, "color": "BGR", "mean": [0.5], "kernel": "bicubic"}
    found = bound(NCHW, TRIPLE, decoder=fields)
    assert (found.decoder.threshold, found.decoder.most) == (0.5, 7)
    assert picture(found) == ("BGR", 255, (0.5,) * 3, (1.0,) * 3)
    assert found.inputs[0].resize.kernel == "bicubic"
    quantised = bound(NCHW, CLASSES, decoder={"output_scale": 0.5, "activation": "none", "scale": 0.25})
    assert (quantised.decoder.scale, quantised.inputs[0].scale) == (0.5, 0.25)


def test_a_family_reads_outputs_by_their_order_where_they_are_not_recognised():
    rows = [("rows", (1, 25200, 85))]
    assert bound(NCHW, rows).task == "tensor"
    found = bound(NCHW, rows, decoder={"family": "yolo", "scale": 1 / 255}, labels="coco80")
    assert (found.decoder.form, found.decoder.outputs, found.decoder.iou) == ("yolo", ("rows",), 0.45)
    logits = bound(NCHW, [("a", (1, 19, 8, 12))], decoder="gluoncv-segmentation")
    assert (logits.decoder.output, logits.decoder.layout) == ("a", "NCHW")
    with pytest.raises(CompileError, match="'gluoncv-ssd' reads 3 outputs: the network has rows"):
        bound(NCHW, rows, decoder="gluoncv-ssd")
    chosen = bound(NCHW, [("x", (1, 7)), ("y", (1, 5))], decoder={"family": "classifier", "output": "y"})
    assert chosen.decoder.output == "y"


QUERIES = [("q", (1, 50, 11)), ("b", (1, 50, 4))]
MADE_FOR = {
    "classification": CLASSES,
    "gluoncv": TRIPLE,
    "multibox": [("rows", (1, 50, 6))],
    "yolox": [("grid", (1, 126, 15))],
    "yolo": [("rows", (1, 126, 47))],
    "yolov8": [("columns", (1, 46, 126))],
    "yolo3": [("a", (1, 45, 2, 3)), ("b", (1, 45, 4, 6)), ("c", (1, 45, 8, 12))],
    "nanodet": [("rows", (1, 126, 42))],
    "nanodet-plus": [("rows", (1, 128, 42))],
    "darknet": [("rows", (126, 15))],
    "ssd": [("b", (1, 9, 4)), ("c", (1, 9)), ("s", (1, 9))],
    "tf-detection": [("b", (1, 9, 4)), ("c", (1, 9)), ("s", (1, 9)), ("n", (1,))],
    "ssd-raw": [("codes", (1, 9, 4)), ("numbers", (1, 9, 11)), ("priors", (1, 9, 4))],
    "detr": QUERIES,
    "scores": [("maps", (1, 5, 64, 96))],
    "classes": [("map", (1, 64, 96), "int64")],
    "queries": [("q", (1, 50, 11)), ("m", (1, 50, 16, 24))],
    "heatmaps": [("maps", (1, 17, 16, 24))],
    "movenet": [("rows", (1, 1, 17, 3))],
    "movenet-multipose": [("rows", (1, 6, 56))],
    "posenet": [("h", (1, 5, 7, 17)), ("o", (1, 5, 7, 34)), ("f", (1, 5, 7, 32)), ("b", (1, 5, 7, 32))],
    "posenet-single": [("h", (1, 5, 7, 17)), ("o", (1, 5, 7, 34))],
    "yolo-pose": [("columns", (1, 56, 126))],
}
MADE_FOR |= {"vitpose": MADE_FOR["heatmaps"], "mask2former": MADE_FOR["queries"], "eomt": MADE_FOR["queries"]}
YOLACT = [("loc", (1, 9, 4)), ("conf", (1, 9, 81)), ("mask", (1, 9, 32)), ("priors", (9, 4)), ("proto", (1, 9, 9, 32))]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_binds_what_it_is_made_for(name):
    family = FAMILIES[name]
    outputs = YOLACT if name == "yolact" else MADE_FOR[family.form or family.kind]
    shape = (1, 32, 16, 24) if "yolo" in name else (1, 100, 14, 14)
    masks = [("masks", shape)] if family.kind == "instances" and name != "yolact" else []
    taken = ("data", (1, 3, 300, 300)) if name == "ssd300-torchvision" else NCHW
    found = bound(taken, [*outputs, *masks], decoder=name)
    assert (found.family, found.task) == (name, TASKS[family.kind])
    assert found.normalisation_known is (family.scale is not None)


def test_former_names_of_tasks_still_bind():
    maps = [("main", (1, 21, 64, 96))]
    assert bound(NCHW, maps, task="segmentation").task == "semantic-segmentation"
    masks = [*TRIPLE, ("masks", (1, 100, 14, 14))]
    assert bound(NCHW, masks, task="segmentation").task == "instance-segmentation"
    with pytest.raises(CompileError, match="looks like a segmentation network, not instance-segmentation"):
        bound(NCHW, maps, task="instance-segmentation")


def test_fields_of_boxes_and_masks_find_their_place():
    columns = [("columns", (1, 46, 126)), ("masks", (1, 32, 16, 24))]
    fields = {"suppression": "soft-gaussian", "sigma": 0.4, "iou": 0.6, "mask_threshold": 0.4}
    decoder = bound(NCHW, columns, decoder=fields).decoder
    assert (decoder.form, decoder.boxes.extra, decoder.boxes.form, decoder.masks) == (
        "prototypes",
        32,
        "yolov8",
        "masks",
    )
    assert (decoder.boxes.suppression, decoder.boxes.sigma, decoder.boxes.iou) == ("soft-gaussian", 0.4, 0.6)
    assert decoder.mask_threshold == 0.4


def test_settings_that_do_not_fit_together_are_told_when_they_are_bound():
    heads = MADE_FOR["yolo3"]
    with pytest.raises(OptionError, match=r"'yolo3': anchors .* for 2 outputs"):
        bound(NCHW, heads[:2], decoder="yolo3")
    with pytest.raises(OptionError, match="'ssd-raw': format 'ssd-raw' needs priors"):
        bound(NCHW, MADE_FOR["ssd-raw"][:2], decoder="ssd-raw")
    with pytest.raises(OptionError, match="suppression"):
        bound(NCHW, TRIPLE, decoder={"suppression": "soft-linear"})


@pytest.mark.parametrize(
    ("name", "outputs", "message"),
    [
        (
            "nanodet",
            [("out", (1, 84, 126))],
            "'nanodet' does not read what the network gives: network output 'out': the grid has",
        ),
        ("vitpose", [("out", (1, 9, 16, 24))], r"'out' has shape \(1, 9, 16, 24\): expected \(1, 17, h, w\)"),
        ("rt-detr", [("b", (1, 50, 4)), ("q", (1, 50, 11))], "'q' has shape .*expected 4 numbers"),
        ("segformer", [("out", (1, 10))], "'out' has shape"),
        ("mask2former", [("m", (1, 50, 16, 24)), ("q", (1, 50, 11))], "'m' has shape .*expected .1, queries, classes"),
        ("yolov8-seg", [("out", (1, 46, 126)), ("p", (1, 50, 16, 24))], r"'p' has shape .*expected prototypes \(1, 32"),
        ("posenet", [(n, (1, 5, 7, 17)) for n in "abcd"], r"'b' has shape .*expected \(1, 5, 7, 34\)"),
    ],
)
def test_outputs_that_a_named_decoder_does_not_read(name, outputs, message):
    with pytest.raises(CompileError, match=message):
        bound(NCHW, outputs, decoder=name)


def test_the_manual_names_every_family():
    text = (Path(__file__).parents[4] / "docs/how-to/compile.md").read_text(encoding="utf-8")
    assert [name for name in FAMILIES if f"`{name}`" not in text] == []


def test_priors_of_a_published_ssd_follow_from_its_input():
    codes = [("codes", (1, 1917, 4)), ("numbers", (1, 1917, 91))]
    found = bound(("data", (1, 3, 300, 300)), codes, decoder="ssd-tf-raw")
    assert sum(part.columns * part.rows * len(part.sizes) for part in found.decoder.priors) == 1917
    assert (found.decoder.box_order, found.decoder.background) == ("yxhw", "first")


def test_tensor_models_say_how_to_bind_them():
    found = bound([("a", (1, 8)), ("b", (2, 3), "int64")], [("out", (1, 10))])
    assert found.task == "tensor"
    assert [taken.name for taken in found.inputs] == ["a", "b"]
    assert "--task" in found.notes[0]
    assert bound(NCHW, CLASSES, task="tensor").notes == ()
    assert bound(("x", (1, 3, 8, 8), "int32"), CLASSES).task == "tensor"


def test_batches():
    assert bound(("data", (4, 3, 8, 8)), [("out", (4, 10))]).batch == 4
    assert bound(("data", (-1, 3, 8, 8)), [("out", (-1, 10))]).batch == 1


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        ({"task": "captions"}, OptionError, "unknown task 'captions'.*classification"),
        ({"decoder": "yolov9"}, OptionError, "unknown decoder 'yolov9'.*gluoncv-ssd"),
        ({"task": "pose"}, CompileError, "looks like a GluonCV detector, not pose.*movenet"),
        ({"task": "pose", "decoder": "gluoncv-ssd"}, OptionError, "is for detection"),
        ({"labels": "no-such-set"}, OptionError, "no-such-set"),
        ({"decoder": {"threshold": 2}}, OptionError, "threshold"),
        ({"decoder": {"treshold": 0.5}}, OptionError, "treshold"),
        ({"decoder": {"outputs": ["a", "b", "c"]}}, OptionError, "no output 'a'.*boxes, ids, scores"),
        ({"decoder": {"outputs": {1, 2}}}, OptionError, "JSON"),
        ({"decoder": {"mean": [0.5]}, "mean": (0.5,)}, OptionError, "mean is said twice"),
        ({"mean": (0.5, 0.5)}, OptionError, "2 numbers.*3 channels"),
        ({"std": (0.0,)}, OptionError, "std"),
        ({"scale": -1.0}, OptionError, "scale"),
        ({"color": "GRAY"}, OptionError, "3 channels"),
        ({"color": "rgb"}, OptionError, "RGB, BGR or GRAY"),
        ({"resize": "tile"}, OptionError, "resize"),
        ({"kernel": "area"}, OptionError, "kernel"),
    ],
)
def test_wishes_are_checked(wanted, error, message):
    with pytest.raises(error, match=message):
        bound(NCHW, TRIPLE, **wanted)


def test_what_cannot_be_bound_is_explained():
    with pytest.raises(CompileError, match=r"outputs are not recognised \(rows .*--decoder \(gluoncv-ssd"):
        bound(NCHW, [("rows", (1, 77, 9))], task="detection")
    with pytest.raises(CompileError, match="must take one picture"):
        bound(("text", (1, 128)), CLASSES, task="classification")
    with pytest.raises(CompileError, match="takes int64"):
        bound(("x", (1, 3, 8, 8), "int64"), CLASSES, task="classification")
