"""torchvision's operators: our kernels against plain definitions, and against what the exported network gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.onnx_models import run
from helpers.torch_models import imported, needs_torch

pytestmark = [needs_torch, pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")]


def boxes(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    corners = rng.random((count, 2)) * 10
    return np.concatenate([corners, corners + 1 + rng.random((count, 2)) * 5], 1).astype(np.float32)


def plain_nms(found: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    kept: list[int] = []
    for at in np.argsort(-scores, kind="stable"):
        a = found[at]
        for other in kept:
            b = found[other]
            shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
            areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
            if shared / (sum(areas) - shared) > threshold:
                break
        else:
            kept.append(int(at))
    return kept


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_nms_is_the_greedy_one(threshold: float) -> None:
    import torch

    from belvedere.compiler.importers.pytorch.vision_operators import nms

    found, scores = boxes(60), np.random.default_rng(1).random(60).astype(np.float32)
    ours = nms(torch.from_numpy(found), torch.from_numpy(scores), threshold).tolist()
    assert ours == plain_nms(found, scores, threshold)
    assert 0 < len(ours) < 60 or threshold == 0.9


def test_deformable_convolution_without_offsets_is_a_convolution() -> None:
    import torch

    from belvedere.compiler.importers.pytorch.vision_operators import deform_conv2d

    generator = torch.Generator().manual_seed(0)
    x, w = torch.rand(2, 4, 9, 8, generator=generator), torch.rand(6, 2, 3, 3, generator=generator)
    bias = torch.rand(6, generator=generator)
    expected = torch.nn.functional.conv2d(x, w, bias, (2, 1), (1, 2), (1, 2), 2)
    out_h, out_w = expected.shape[2:]
    offset, mask = torch.zeros(2, 2 * 2 * 9, out_h, out_w), torch.full((2, 2 * 9, out_h, out_w), 0.5)
    plain = deform_conv2d(x, w, offset, mask, bias, 2, 1, 1, 2, 1, 2, 2, 2, use_mask=False)
    torch.testing.assert_close(plain, expected)
    masked = deform_conv2d(x, w, offset, mask, bias, 2, 1, 1, 2, 1, 2, 2, 2, use_mask=True)
    torch.testing.assert_close(masked - bias[:, None, None], (expected - bias[:, None, None]) * 0.5)


def test_nms_in_torchscript_becomes_onnx(tmp_path: Path) -> None:
    import torch

    from belvedere.compiler.importers.pytorch.vision_operators import define_vision_operators

    define_vision_operators()

    class Suppress(torch.nn.Module):
        def forward(self, found: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            return torch.ops.torchvision.nms(found, scores, 0.5)

    torch.jit.script(Suppress()).save(str(tmp_path / "net.pt"))
    network = imported(tmp_path / "net.pt", ["boxes=60x4", "scores=60"])
    assert "NonMaxSuppression" in {node.op_type for node in network.network.graph.node}
    found, scores = boxes(60), np.random.default_rng(1).random(60).astype(np.float32)
    assert run(network.network, found, scores)[0].tolist() == plain_nms(found, scores, 0.5)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [2, 0, -1])
def test_roi_align_in_torchscript_becomes_onnx(tmp_path: Path, aligned: bool, ratio: int) -> None:
    import torch

    from belvedere.compiler.importers.pytorch.vision_operators import define_vision_operators, roi_align

    define_vision_operators()

    class Pool(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ratio, self.aligned = ratio, aligned

        def forward(self, x: torch.Tensor, rois: torch.Tensor) -> torch.Tensor:
            return torch.ops.torchvision.roi_align(x, rois, 0.5, 3, 2, self.ratio, self.aligned)

    torch.jit.script(Pool()).save(str(tmp_path / "net.pt"))
    found = imported(tmp_path / "net.pt", ["x=2x3x16x16", "rois=6x5"])
    assert "RoiAlign" in {node.op_type for node in found.network.graph.node}
    x = np.random.default_rng(0).random((2, 3, 16, 16)).astype(np.float32)
    rois = np.concatenate([np.array([[0], [1], [0], [1], [0], [0]]), boxes(6) * 2 - 3], 1).astype(np.float32)
    ours = roi_align(torch.from_numpy(x), torch.from_numpy(rois), 0.5, 3, 2, ratio, aligned)
    np.testing.assert_allclose(run(found.network, x, rois)[0], ours.numpy(), rtol=1e-4, atol=1e-5)


def test_deformable_convolution_in_torchscript_becomes_onnx(tmp_path: Path) -> None:
    import torch

    from belvedere.compiler.importers.pytorch.vision_operators import define_vision_operators

    define_vision_operators()

    class Deform(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.rand(4, 3, 3, 3))
            self.bias = torch.nn.Parameter(torch.rand(4))
            self.offset, self.mask = torch.nn.Conv2d(3, 18, 3, 2, 1), torch.nn.Conv2d(3, 9, 3, 2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ops.torchvision.deform_conv2d(
                x, self.weight, self.offset(x) * 3, self.mask(x).sigmoid(), self.bias, 2, 2, 1, 1, 1, 1, 1, 1, True
            )

    torch.manual_seed(0)
    net = Deform().eval()
    torch.jit.script(net).save(str(tmp_path / "net.pt"))
    found = imported(tmp_path / "net.pt", "1x3x12x12")
    assert found.provenance["opset"] == 19
    x = np.random.default_rng(0).random((1, 3, 12, 12)).astype(np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(run(found.network, x)[0], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("traced", [True, False])
def test_evenly_spaced_numbers_stay_single(tmp_path: Path, traced: bool) -> None:
    """Sampling at a grid, as deformable attention does: engines have no sampling of double grids."""
    import torch

    class Sample(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            across = torch.linspace(-0.9, 0.8, 7, dtype=x.dtype)
            grid = torch.stack((across.expand(5, 7), torch.linspace(-1.0, 1.0, 5)[:, None].expand(5, 7)), -1)
            return torch.nn.functional.grid_sample(x, grid[None], mode="bilinear", align_corners=False)

    net, x = Sample(), np.random.default_rng(0).random((1, 2, 9, 8)).astype(np.float32)
    saved = torch.jit.trace(net, torch.from_numpy(x)) if traced else torch.jit.script(net)
    saved.save(str(tmp_path / "net.pt"))
    found = imported(tmp_path / "net.pt", "1x2x9x8")
    assert "GridSample" in {node.op_type for node in found.network.graph.node}
    np.testing.assert_allclose(run(found.network, x)[0], net(torch.from_numpy(x)).numpy(), rtol=1e-4, atol=1e-5)
