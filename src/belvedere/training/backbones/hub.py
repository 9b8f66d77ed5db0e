"""Larger feature networks from the Hugging Face hub. Needs the [train] extra; ``training.anomaly`` never imports it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import MissingExtraError
from belvedere.training.backbones.catalogue import find, fitted
from belvedere.training.backbones.value import Backbone

Progress = Callable[[str, int, int], None]
_SEEDS = (1, 2)


def hub_backbone(name: str, progress: Progress = lambda _stage, _done, _total: None) -> Backbone:
    """Fetch a checkpoint through the hub's cache and turn it into a backbone.

    The network is exported with batch and sides free. Position embeddings are resampled inside it, so one export
    serves every input size and the value stays as plain as that of the bundled backbone; engines compute that part
    once, because a finished model's input size is fixed.

    Only JSON files, the model card and ``model.safetensors`` are fetched; code and pickled weights of a repository
    are never loaded. ``HF_ENDPOINT``, ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` count as
    usual.

    Args:
        name: A name of ``catalogue.HUB``, or ``hub:OWNER/REPO`` for another checkpoint of one of its families;
            either with ``@REVISION`` for a branch, tag or commit.
        progress: Called with (stage, done, total); the download counts megabytes.

    Raises:
        OptionError: there is no such name.
        MissingExtraError: torch or transformers is not installed.
        TrainingError: the checkpoint cannot be fetched or used; the message names the repository and what to do.
    """
    row = find(name)
    try:
        import huggingface_hub
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtraError(f"Backbone {name}", "train") from error
    from belvedere.training.backbones.checkpoint import fetch_checkpoint, fetch_weights
    from belvedere.training.backbones.export import check_size, export

    checkpoint = fetch_checkpoint(row)
    row = fitted(row, checkpoint.config)
    check_size(row, checkpoint.folder)
    fetch_weights(row, checkpoint.revision, lambda done, total: progress(f"fetching {name}, MB", done, total))
    progress("exporting the backbone", 0, 1)

    def pictures(width: int, height: int) -> list[NDArray[np.float32]]:
        return _drawn(width, height, checkpoint.mean, checkpoint.std)

    exported = export(row, checkpoint.folder, pictures)
    progress("exporting the backbone", 1, 1)
    made = f"torch {torch.__version__}, transformers {transformers.__version__}, hub {huggingface_hub.__version__}"
    return Backbone(
        name=name,
        network=exported.network,
        channels=exported.channels,
        stride=row.stride,
        multiple=exported.multiple,
        mean=checkpoint.mean,
        std=checkpoint.std,
        licence=checkpoint.licence,
        origin=f"{row.repository} at {checkpoint.revision}, exported by {made}",
    )


def _drawn(
    width: int, height: int, mean: tuple[float, float, float], std: tuple[float, float, float]
) -> list[NDArray[np.float32]]:
    """Drawn boards to measure the features' scale on, (1, 3, H, W)."""
    from belvedere.samples.board import Board
    from belvedere.samples.draw import draw_board
    from belvedere.vision.preprocess import Preprocess

    preprocess = Preprocess(width=width, height=height, mean=mean, std=std)
    board = Board()
    return [preprocess.apply(draw_board(seed, size=(width, height), board=board).image) for seed in _SEEDS]
