"""From a transformers checkpoint to a backbone's ONNX network. Imports torch: only ``hub`` imports this module."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import nn
from torch.nn import functional

from belvedere.core.errors import TrainingError
from belvedere.training.backbones.catalogue import FAMILIES, Family, HubBackbone
from belvedere.training.backbones.quiet import transformers_quiet

LARGEST_NETWORK = 1_500_000_000
OPSET = 18
_MOST_CHANNELS = 384
_UNREADABLE = (
    SafetensorError, StrictDataclassError, OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError,
)  # fmt: skip
"""What transformers raises for a damaged or contradictory checkpoint."""


@dataclass(frozen=True)
class Exported:
    """A network as ONNX.

    Attributes:
        network: See ``Backbone.network``.
        channels: Of its output.
        multiple: Of the sides of its input.
    """

    network: bytes
    channels: int
    multiple: int


def check_size(row: HubBackbone, folder: Path) -> None:
    """Count the weights that ``config.json`` asks for, without making them.

    Raises:
        TrainingError: more than 1.5 GB in float32, or the configuration makes no network.
    """
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"), transformers_quiet():
            model = transformers.AutoModel.from_config(config, trust_remote_code=False)
    except _UNREADABLE as error:
        raise _unreadable(row, error) from error
    size = 4 * sum(parameter.numel() for parameter in model.parameters())
    if size > LARGEST_NETWORK:
        raise TrainingError(
            f"backbone {row.name}: {row.repository} has {size / 1e9:.1f} GB of weights, the most is "
            f"{LARGEST_NETWORK / 1e9:.1f} GB; choose a smaller network"
        )


def export(row: HubBackbone, folder: Path, pictures: Callable[[int, int], Sequence[NDArray[np.float32]]]) -> Exported:
    """Load the checkpoint in ``folder`` and write it as ONNX.

    Every layer used gives one map: patches without class and register tokens, normalised; or a stage, averaged over
    3x3 cells as in PatchCore, and projected at random (Johnson and Lindenstrauss 1984, fixed seed) where it has over
    384 channels. Coarser maps are resampled to the finest. Each layer is scaled to unit root mean square.

    Args:
        row: Which family and layers.
        folder: With ``config.json`` and ``model.safetensors``.
        pictures: Called with width and height; preprocessed pictures (1, 3, H, W) to measure the scales on.

    Raises:
        TrainingError: weights are missing, damaged, or do not fit the configuration.
    """
    family = FAMILIES[row.family]
    multiple = row.stride if family.kind == "patches" else row.stride * 2
    model = _load(row, folder)
    try:
        features = _Features(model, family, row).eval()
        with torch.inference_mode():
            features.measure([torch.from_numpy(p) for p in pictures(18 * multiple, 14 * multiple)])
        with torch.no_grad():
            network = _to_onnx(features, torch.zeros(2, 3, 4 * multiple, 6 * multiple))
    # RuntimeError includes what the exporter raises.
    except (IndexError, RuntimeError) as error:
        raise _unreadable(row, error) from error
    return Exported(network, sum(features.channels), multiple)


def _load(row: HubBackbone, folder: Path) -> Any:
    try:
        with transformers_quiet():
            model, found = transformers.AutoModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, trust_remote_code=False,
                attn_implementation="eager", output_loading_info=True,
            )  # fmt: skip
    except _UNREADABLE as error:
        raise _unreadable(row, error) from error
    # Weights that are not in the file would be random numbers.
    wrong = [str(key) for kind in ("missing_keys", "mismatched_keys") for key in found[kind]]
    if wrong:
        raise TrainingError(
            f"backbone {row.name}: the weights of {row.repository} do not fit its config.json: {len(wrong)} missing or "
            f"of another shape, {sorted(wrong)[0]} for one"
        )
    model = model.float().eval()
    for name, tensor in model.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise TrainingError(f"backbone {row.name}: {name} of {row.repository} has values that are not finite")
    return model


class _Features(nn.Module):  # type: ignore[misc]
    """Picture to feature map: what is exported."""

    def __init__(self, model: Any, family: Family, row: HubBackbone) -> None:
        super().__init__()
        self.model, self.family, self.layers, self.stride = model, family, row.layers, row.stride
        self.skipped = 1 + getattr(model.config, "num_register_tokens", 0)
        self.scales = [1.0] * len(row.layers)
        self.channels: list[int] = []
        self.projections: list[torch.Tensor | None] = []
        if row.family == "dinov2_with_registers":
            # Antialiased resampling cannot be exported; products of matrices can.
            model.embeddings.interpolate_pos_encoding = _Positions(model.embeddings).resampled

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Maps [N, C, H / stride, W / stride] of all layers, joined."""
        maps = [m * scale for m, scale in zip(self._maps(image), self.scales, strict=True)]
        if self.family.kind == "stages":
            coarse = [functional.interpolate(m, scale_factor=2.0, mode="bilinear") for m in maps[1:]]
            maps = [maps[0], *coarse]
        return torch.cat(maps, 1)

    def measure(self, pictures: Sequence[torch.Tensor]) -> None:
        """Choose projections and scales; check the strides."""
        height, width = pictures[0].shape[2:]
        for order, state in enumerate(self._states(pictures[0])):
            stride = self.stride * 2 ** (order if self.family.kind == "stages" else 0)
            if tuple(state.shape[2:]) != (height // stride, width // stride):
                raise RuntimeError(f"layer {self.layers[order]} does not have one cell per {stride} pixels")
            wide = self.family.kind == "stages" and state.shape[1] > _MOST_CHANNELS
            self.projections.append(_projection(state.shape[1], order) if wide else None)
            self.channels.append(_MOST_CHANNELS if wide else state.shape[1])
        squares = [[float(m.double().square().mean()) for m in self._maps(picture)] for picture in pictures]
        for order, values in enumerate(zip(*squares, strict=True)):
            size = math.sqrt(sum(values) / len(values))
            if not 1e-6 < size < 1e6:
                raise RuntimeError(f"the outputs of layer {self.layers[order]} have the size {size:g}")
            # Three digits: the same on every number of threads.
            self.scales[order] = float(f"{1 / size:.3g}")

    def _maps(self, image: torch.Tensor) -> list[torch.Tensor]:
        states = self._states(image)
        if self.family.kind == "patches":
            return states
        pooled = [functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False) for x in states]
        return [
            x if weights is None else functional.conv2d(x, weights)
            for x, weights in zip(pooled, self.projections, strict=True)
        ]

    def _states(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Outputs of the layers used, [N, C, h, w], normalised as the family wants."""
        every = self.model(pixel_values=image, output_hidden_states=True).hidden_states
        return [self._state(image, every[layer]) for layer in self.layers]

    def _state(self, image: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        if self.family.kind == "patches":
            count, _, height, width = image.shape
            tokens = self.model.layernorm(state)[:, self.skipped :]
            return tokens.transpose(1, 2).reshape(count, -1, height // self.stride, width // self.stride)
        if self.family.norm == "channels":
            centred = state - state.mean(1, keepdim=True)
            return centred / torch.sqrt(centred.square().mean(1, keepdim=True) + 1e-6)
        return state


class _Positions:
    """Position embeddings of DINOv2 with registers for any grid: bicubic with antialias, as two matrix products."""

    def __init__(self, embeddings: Any) -> None:
        values = embeddings.position_embeddings.detach()
        self.patch = embeddings.config.patch_size
        self.side, self.channels = math.isqrt(values.shape[1] - 1), values.shape[2]
        self.first = values[:, :1]
        self.grid = values[0, 1:].reshape(self.side, -1)

    def resampled(self, _embeddings: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Class and patch positions, [1, 1 + rows * columns, C]."""
        down, across = _bicubic(height // self.patch, self.side), _bicubic(width // self.patch, self.side)
        # Products of plain matrices: OpenVINO does not broadcast stacks of them where sizes are free.
        tall = (down @ self.grid).reshape(-1, self.side, self.channels).transpose(0, 1).reshape(self.side, -1)
        grid = (across @ tall).reshape(across.shape[0], -1, self.channels).transpose(0, 1)
        return torch.cat([self.first, grid.reshape(1, -1, self.channels)], 1)


def _bicubic(out: int, cells: int) -> torch.Tensor:
    """Weights [out, cells] of torch's antialiased bicubic resampling (Keys 1981, a = -0.5, as in Pillow)."""
    rows = torch.arange(out, dtype=torch.float32)[:, None]
    # Written in tensors only, so that the exported graph keeps the size free.
    scale = cells / (rows[-1:] + 1)
    reach = torch.clamp(scale, min=1.0)
    centres = (rows + 0.5) * scale
    x = torch.abs((torch.arange(cells, dtype=torch.float32)[None] + 0.5 - centres) / reach)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    weights = torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
    return weights / weights.sum(1, keepdim=True)


def _projection(channels: int, order: int) -> torch.Tensor:
    """Weights of a 1x1 convolution that keeps distances about as they are, [384, channels, 1, 1]."""
    values = np.random.default_rng((channels, order)).standard_normal((_MOST_CHANNELS, channels, 1, 1))
    return torch.from_numpy((values / math.sqrt(_MOST_CHANNELS)).astype(np.float32))


def _to_onnx(features: nn.Module, example: torch.Tensor) -> bytes:
    """Trace and write; equal weights give equal bytes.

    The TorchScript exporter is used: it leaves batch and sides free in all families, and needs nothing but torch.
    """
    import onnx

    file = io.BytesIO()
    axes = {"image": {0: "N", 2: "H", 3: "W"}, "features": {0: "N", 2: "h", 3: "w"}}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are using the legacy TorchScript", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="The feature will be removed", category=DeprecationWarning)
        # Checks of the input's channels, which are fixed.
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        torch.onnx.export(
            features, (example,), file, dynamo=False, opset_version=OPSET,
            input_names=["image"], output_names=["features"], dynamic_axes=axes,
        )  # fmt: skip
    model = onnx.load_model_from_string(file.getvalue())
    _drop_first_casts(model.graph)
    for node in model.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _drop_first_casts(graph: Any) -> None:
    """Remove casts of the picture, float32 already: OpenVINO drops them too, and the input's name with them."""
    casts = {node.output[0] for node in graph.node if node.op_type == "Cast" and node.input[0] == "image"}
    kept = [node for node in graph.node if node.output[0] not in casts]
    for node in kept:
        node.input[:] = ["image" if name in casts else name for name in node.input]
    del graph.node[:]
    graph.node.extend(kept)


def _unreadable(row: HubBackbone, error: Exception) -> TrainingError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return TrainingError(f"backbone {row.name}: the checkpoint of {row.repository} cannot be used ({reason})")
