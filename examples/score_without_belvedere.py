"""Score a picture with an artifact of Belvedere, using Pillow, NumPy and ONNX Runtime only.

    python score_without_belvedere.py board.tar.gz part.jpg

Prints one JSON object: score, threshold, is_anomalous, and the hottest spot of the heatmap. The file is short
enough to be translated into another language: all it needs to know stands in the artifact's manifest.json.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def read_artifact(path: Path) -> tuple[dict[str, Any], bytes]:
    """The manifest and the network of an artifact, a folder or an archive."""
    if path.is_dir():
        manifest = json.loads((path / "manifest.json").read_bytes())
        return manifest, (path / manifest["network"]["file"]).read_bytes()
    with tarfile.open(path) as archive:
        files = {member.name.removeprefix("./"): member for member in archive if member.isfile()}
        manifest = json.loads(archive.extractfile(files["manifest.json"]).read())  # type: ignore[union-attr]
        return manifest, archive.extractfile(files[manifest["network"]["file"]]).read()  # type: ignore[union-attr]


def prepare(picture: bytes, taken: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The network's input, float32 (1, 3, height, width), as the manifest's input describes it."""
    image = Image.open(io.BytesIO(picture))
    if taken["exif"]:
        image = ImageOps.exif_transpose(image)
    resize = taken["resize"]
    kernel = Image.Resampling[resize["kernel"].upper()]
    image = image.convert("RGB").resize((resize["width"], resize["height"]), kernel)
    pixels = np.asarray(image, dtype=np.float32) * np.float32(taken["scale"])
    pixels = (pixels - np.float32(taken["mean"])) / np.float32(taken["std"])
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def score(artifact: Path, picture: bytes) -> dict[str, Any]:
    """Score one encoded picture."""
    manifest, network = read_artifact(artifact)
    taken = manifest["inputs"][0]
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, {taken["name"]: prepare(picture, taken)}), strict=True))
    value = float(outputs["score"][0])
    heatmap = outputs["heatmap"][0]
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    threshold = manifest["decoder"]["threshold"]
    return {
        "score": value,
        "threshold": threshold,
        "is_anomalous": round(value, 4) >= round(threshold, 4),
        "hottest": {"x": (column + 0.5) / heatmap.shape[1], "y": (row + 0.5) / heatmap.shape[0]},
    }


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} ARTIFACT PICTURE")
    print(json.dumps(score(Path(sys.argv[1]), Path(sys.argv[2]).read_bytes())))
