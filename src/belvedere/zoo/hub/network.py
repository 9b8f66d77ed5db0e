"""From a checkpoint to a traced torch network for one input size. Imports torch and transformers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import nn

from belvedere.core.errors import CompileError
from belvedere.training.backbones.quiet import transformers_quiet
from belvedere.zoo.hub.architectures import Architecture
from belvedere.zoo.hub.checkpoint import Checkpoint

LARGEST_NETWORK = 1_900_000_000
INPUT = "image"
_UNREADABLE = (
    SafetensorError, StrictDataclassError, OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError,
)  # fmt: skip
"""What transformers raises for a damaged or contradictory checkpoint."""


def write_network(checkpoint: Checkpoint, size: tuple[int, int], path: Path, wanted: str) -> int:
    """Load a checkpoint and write its network as TorchScript for one input size.

    Args:
        checkpoint: With its weights.
        size: Width and height of the input in pixels.
        path: The file to write.
        wanted: Start of messages.

    Returns:
        How many parameters it has.

    Raises:
        CompileError: this version of transformers does not know the architecture, the checkpoint is damaged or
            incomplete, has more than 1.9 GB in float32, or does not run on that size.
    """
    kind = getattr(transformers, checkpoint.architecture.name, None)
    if kind is None:
        raise CompileError(
            f"{wanted}: transformers {transformers.__version__} has no {checkpoint.architecture.name}: install a newer "
            "one (pip install -U transformers)"
        )
    count = _parameters(kind, checkpoint, wanted)
    model = _load(kind, checkpoint, wanted)
    network = _Outputs(model, checkpoint.architecture).eval()
    example = torch.zeros(1, 3, size[1], size[0])
    try:
        with torch.no_grad(), _quiet(), _fixed_positions(model, lambda: network(example)):
            # No second trace to compare: the artifact is compared with the network. Not strict: names are kept.
            torch.jit.save(torch.jit.trace(network, (example,), check_trace=False, strict=False), path)
    except (IndexError, AssertionError, *_UNREADABLE) as error:
        raise CompileError(
            f"{wanted}: the network does not run on pictures of {size[0]}x{size[1]} ({_first_line(error)}); try "
            "the size that it was trained with"
        ) from error
    return count


class _Outputs(nn.Module):  # type: ignore[misc]
    """A model of transformers as a plain function of a picture."""

    def __init__(self, model: nn.Module, architecture: Architecture) -> None:
        super().__init__()
        self.model, self.names = model, architecture.outputs

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        found = self.model(pixel_values=image)
        return {name: getattr(found, name) for name in self.names}


def _parameters(kind: Any, checkpoint: Checkpoint, wanted: str) -> int:
    """Count the weights that ``config.json`` asks for, without making them."""
    try:
        with torch.device("meta"), _quiet():
            model = kind(kind.config_class.from_pretrained(checkpoint.folder, local_files_only=True))
    except _UNREADABLE as error:
        raise _unreadable(wanted, error) from error
    count: int = sum(parameter.numel() for parameter in model.parameters())
    if 4 * count > LARGEST_NETWORK:
        raise CompileError(
            f"{wanted}: {4 * count / 1e9:.1f} GB of weights, the most is {LARGEST_NETWORK / 1e9:.1f} GB; choose a "
            "smaller network"
        )
    return count


def _load(kind: Any, checkpoint: Checkpoint, wanted: str) -> nn.Module:
    try:
        with _quiet():
            model, found = kind.from_pretrained(
                checkpoint.folder, local_files_only=True, use_safetensors=True, trust_remote_code=False,
                attn_implementation="eager", output_loading_info=True, dtype=torch.float32,
            )  # fmt: skip
    except _UNREADABLE as error:
        raise _unreadable(wanted, error) from error
    # Weights that are not in the file would be random numbers.
    wrong = sorted(str(key) for kind_ in ("missing_keys", "mismatched_keys") for key in found[kind_])
    if wrong:
        raise CompileError(
            f"{wanted}: the weights do not fit config.json: {len(wrong)} missing or of another shape, such as "
            f"{wrong[0]}"
        )
    for name, tensor in model.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise CompileError(f"{wanted}: {name} has values that are not finite")
    loaded: nn.Module = model.float().eval()
    return loaded


@contextmanager
def _fixed_positions(model: nn.Module, run: Callable[[], object]) -> Iterator[None]:
    """Position embeddings as the constants that they are for one input size.

    Transformers resample them in every call, by an antialiased kernel that cannot be exported. ``run`` is called once
    to see what becomes of them.
    """
    seen: dict[nn.Module, torch.Tensor] = {}

    def recording(module: nn.Module, original: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def record(*args: Any, **options: Any) -> torch.Tensor:
            seen[module] = original(*args, **options).detach()
            return seen[module]

        return record

    modules = [module for module in model.modules() if hasattr(module, "interpolate_pos_encoding")]
    for module in modules:
        module.interpolate_pos_encoding = recording(module, module.interpolate_pos_encoding)
    run()
    for module in modules:
        if module in seen:
            module.interpolate_pos_encoding = _constant(seen[module])
    yield


def _constant(value: torch.Tensor) -> Callable[..., torch.Tensor]:
    return lambda *_args, **_options: value


@contextmanager
def _quiet() -> Iterator[None]:
    """What loading prints, and what tracing warns of about sizes that are fixed here: ours say what matters."""
    with transformers_quiet(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module="torch|transformers")
        yield


def _unreadable(wanted: str, error: Exception) -> CompileError:
    return CompileError(f"{wanted}: the checkpoint cannot be used ({_first_line(error)})")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
