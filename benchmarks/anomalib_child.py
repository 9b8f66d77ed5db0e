"""Runs anomalib's PatchCore in anomalib's own virtual environment; started by ``anomalib_patchcore.py``.

It gets features as files and so needs neither Belvedere nor pretrained weights: anomalib's model with the feature
extractor replaced by a look-up, everything behind it (embedding, coreset, search, score, map) being anomalib's code.
The last line on stdout is a JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RATIO = 0.1
# A torchvision that was built for CUDA cannot load its operators beside a torch for the CPU, and then fails to
# import because these are missing. PatchCore uses none of them; declared, they let it be imported.
_MISSING_OPERATORS = ("nms", "qnms")


def load_patchcore() -> Any:
    """The class ``PatchcoreModel``."""
    import torch

    try:
        import torchvision  # type: ignore[import-not-found]  # noqa: F401
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in _MISSING_OPERATORS:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        # Kept for the life of the process: the declarations go with the object.
        globals()["_declared"] = library
    from anomalib.models.image.patchcore.torch_model import PatchcoreModel  # type: ignore[import-not-found]

    return PatchcoreModel


def build(folder: Path, facts: dict[str, Any]) -> Any:
    """The model with its memory bank: a coreset made here by anomalib, or the one that was handed over."""
    import torch
    from torch import nn

    class LookUp(nn.Module):  # type: ignore[misc]
        """Gives the features that were put into ``current``, whatever the picture."""

        current: Any = None

        def forward(self, _picture: Any) -> dict[str, Any]:
            return {"features": self.current}

    model = load_patchcore()(layers=["layer1"], backbone="resnet18", pre_trained=False, num_neighbors=9)
    model.feature_extractor = LookUp()
    model.layers = ["features"]
    # The bundled backbone has averaged 3x3 cells already.
    model.feature_pooler = nn.Identity()
    model.eval()
    if facts["own_coreset"]:
        cells = np.load(folder / "train.npy")
        model.embedding_store.append(torch.from_numpy(cells.reshape(-1, cells.shape[-1])))
        model.subsample_embedding(RATIO)
    else:
        model.memory_bank = torch.from_numpy(np.load(folder / "bank.npy"))
    return model


def run(folder: Path) -> dict[str, Any]:
    """Score every test picture and time the search step and the whole model on some."""
    import anomalib  # type: ignore[import-not-found]
    import torch

    facts = json.loads((folder / "facts.json").read_text())
    torch.set_num_threads(facts["threads"])
    began = time.perf_counter()
    model = build(folder, facts)
    built = time.perf_counter() - began
    maps = np.load(folder / "test.npy", mmap_mode="r")
    height, width = facts["input"]
    picture = torch.zeros((1, 3, height, width))

    def features(index: int) -> Any:
        return torch.from_numpy(np.array(maps[index : index + 1]))

    def whole(feature: Any) -> float:
        model.feature_extractor.current = feature
        return float(model(picture).pred_score)

    def search(embedding: Any) -> Any:
        distances, places = model.nearest_neighbors(embedding=embedding, n_neighbors=1)
        return model.compute_anomaly_score(distances.reshape(1, -1), places.reshape(1, -1), embedding)

    with torch.inference_mode():
        scores = [whole(features(index)) for index in range(len(maps))]
        some = [features(index) for index in range(min(16, len(maps)))]
        cells = [model.reshape_embedding(feature) for feature in some]
        return {
            "anomalib": anomalib.__version__,
            "torch": torch.__version__,
            "built_seconds": built,
            "vectors": list(model.memory_bank.shape),
            "scores": scores,
            "search_seconds": _timed(lambda i: search(cells[i % len(cells)]), facts["repeats"]),
            "whole_seconds": _timed(lambda i: whole(some[i % len(some)]), facts["repeats"]),
        }


def _timed(call: Callable[[int], object], repeats: int) -> list[float]:
    for index in range(3):
        call(index)
    found = []
    for index in range(repeats):
        began = time.perf_counter()
        call(index)
        found.append(time.perf_counter() - began)
    return found


def main() -> int:
    """Run on a folder of features, or only say whether anomalib can be imported."""
    parser = argparse.ArgumentParser(description="Started by anomalib_patchcore.py.")
    parser.add_argument("folder", type=Path, nargs="?")
    folder = parser.parse_args().folder
    if folder is None:
        load_patchcore()
        print(json.dumps({"importable": True}))
    else:
        print(json.dumps(run(folder)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
