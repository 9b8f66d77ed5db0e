"""Tiny checkpoints of every family, made with random weights. Needs the [train] extra."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

PREPROCESSOR = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.25, 0.3]}
CARD = "---\nlibrary_name: transformers\nlicense: apache-2.0\ntags:\n- vision\n---\n\n# A tiny network\n"

PATCHES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 14, "mlp_ratio": 2}
STAGES = {"hidden_sizes": [8, 16, 32], "depths": [1, 1, 1]}
CONFIGS: dict[str, dict[str, Any]] = {
    "dinov2": {**PATCHES, "image_size": 70},
    "dinov2_with_registers": {**PATCHES, "image_size": 182, "num_register_tokens": 4},
    "resnet": {**STAGES, "hidden_sizes": [8, 16, 400], "embedding_size": 8, "layer_type": "basic"},
    "convnext": {**STAGES, "num_stages": 3},
}


def make_checkpoint(folder: Path, family: str, *, classifier: bool = False) -> Path:
    """Write ``config.json``, ``model.safetensors``, ``preprocessor_config.json`` and a card into ``folder``.

    Args:
        folder: Made if it is missing.
        family: Key of ``CONFIGS``.
        classifier: Save the network with a head, as published ResNets are.
    """
    import torch
    import transformers

    config = transformers.AutoConfig.for_model(family, **CONFIGS[family])
    torch.manual_seed(0)
    kind = transformers.AutoModelForImageClassification if classifier else transformers.AutoModel
    model = kind.from_config(config).eval()
    for name, values in model.named_parameters():
        if "position" in name or "token" in name or "scale" in name or "lambda" in name:
            torch.nn.init.normal_(values, std=1.0)
        elif values.ndim > 1:
            torch.nn.init.kaiming_normal_(values)
    transformers.logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    (folder / "README.md").write_text(CARD)
    return folder
