"""Tiny checkpoints with heads, one of every architecture of the zoo, random weights. Needs the [train] extra."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CARD = "---\nlicense: apache-2.0\n---\n# A tiny network\n"
LABELS = ("cat", "dog", "bird")
_PLAIN = {"do_resize": True, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "do_pad": False,
          "image_mean": MEAN, "image_std": STD, "resample": 2}  # fmt: skip
_UNSCALED = {**_PLAIN, "do_normalize": False}
_BASIC = {"embedding_size": 8, "hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 1, 1], "layer_type": "basic"}
_PATCHES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
_HYBRID = {
    "encoder_hidden_dim": 32, "encoder_in_channels": [16, 16, 32], "encoder_ffn_dim": 32, "encoder_attention_heads": 2,
    "d_model": 32, "num_queries": 20, "decoder_in_channels": [32, 32, 32], "decoder_ffn_dim": 32, "decoder_layers": 2,
    "decoder_attention_heads": 2, "num_denoising": 0,
}  # fmt: skip
_RT_BACKBONE = {"model_type": "rt_detr_resnet", **_BASIC, "out_features": ["stage2", "stage3", "stage4"]}
_HGNET = {
    "model_type": "hgnet_v2", "embedding_size": 8, "depths": [1, 1, 1, 1], "hidden_sizes": [16, 16, 16, 32],
    "stem_channels": [3, 8, 8], "stage_in_channels": [8, 16, 16, 16], "stage_mid_channels": [8, 8, 8, 8],
    "stage_out_channels": [16, 16, 16, 32], "stage_num_blocks": [1, 1, 1, 1],
    "stage_downsample": [False, True, True, True], "stage_light_block": [False, False, False, False],
    "stage_kernel_size": [3, 3, 3, 3], "stage_numb_of_layers": [1, 1, 1, 1], "use_learnable_affine_block": False,
    "out_features": ["stage2", "stage3", "stage4"],
}  # fmt: skip
_RF = {
    "backbone_config": {
        "model_type": "rf_detr_dinov2", "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2,
        "image_size": 96, "patch_size": 12, "num_windows": 2, "out_features": ["stage2", "stage4"],
    },
    "d_model": 32, "decoder_ffn_dim": 32, "decoder_layers": 2, "decoder_self_attention_heads": 2,
    "decoder_cross_attention_heads": 2, "num_queries": 20, "group_detr": 2, "c2f_num_blocks": 1,
    "decoder_n_points": 2, "intermediate_size": 32,
}  # fmt: skip
_SWIN = {
    "model_type": "swin", "image_size": 96, "embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2],
    "window_size": 3, "out_features": ["stage1", "stage2", "stage3", "stage4"],
}  # fmt: skip

# Name -> (class of the model, model_type, configuration, preprocessor_config.json)
NETWORKS: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "rt-detr-v2": ("RTDetrV2ForObjectDetection", "rt_detr_v2", {"backbone_config": _RT_BACKBONE, **_HYBRID},
                   {**_UNSCALED, "size": {"height": 96, "width": 96}, "image_processor_type": "RTDetrImageProcessor"}),
    "rt-detr": ("RTDetrForObjectDetection", "rt_detr", {"backbone_config": _RT_BACKBONE, **_HYBRID},
                {**_UNSCALED, "size": {"height": 96, "width": 96}}),
    "d-fine": ("DFineForObjectDetection", "d_fine", {"backbone_config": _HGNET, **_HYBRID},
               {**_UNSCALED, "size": {"height": 96, "width": 96}}),
    "rf-detr": ("RfDetrForObjectDetection", "rf_detr", _RF, {**_PLAIN, "size": {"height": 96, "width": 96}}),
    "rf-detr-seg": ("RfDetrForInstanceSegmentation", "rf_detr", _RF, {**_PLAIN, "size": {"height": 96, "width": 96}}),
    "detr": ("DetrForObjectDetection", "detr", {
        "use_timm_backbone": False, "use_pretrained_backbone": False, "num_queries": 10, "d_model": 32,
        "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
        "encoder_attention_heads": 2, "decoder_attention_heads": 2,
        "backbone_config": {"model_type": "resnet", **_BASIC, "out_features": ["stage4"]},
    }, {**_PLAIN, "do_pad": True, "size": {"shortest_edge": 96, "longest_edge": 160}}),
    "mask2former": ("Mask2FormerForUniversalSegmentation", "mask2former", {
        "backbone_config": _SWIN, "feature_size": 32, "mask_feature_size": 32, "hidden_dim": 32,
        "encoder_feedforward_dim": 32, "encoder_layers": 1, "decoder_layers": 3, "num_attention_heads": 2,
        "dim_feedforward": 32, "num_queries": 10,
    }, {**_PLAIN, "size": {"height": 96, "width": 128}, "size_divisor": 32}),
    "eomt": ("EomtForUniversalSegmentation", "eomt", {
        **_PATCHES, "num_hidden_layers": 3, "image_size": 96, "patch_size": 16, "num_queries": 10, "num_blocks": 1,
        "num_upscale_blocks": 2,
    }, {**_PLAIN, "do_pad": True, "do_split_image": False, "size": {"shortest_edge": 96, "longest_edge": 96}}),
    "segformer": ("SegformerForSemanticSegmentation", "segformer", {
        "hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "decoder_hidden_size": 16,
        "num_attention_heads": [1, 1, 2, 2],
    }, {**_PLAIN, "size": 128}),
    "vitpose": ("VitPoseForPoseEstimation", "vitpose", {
        "backbone_config": {"model_type": "vitpose_backbone", **_PATCHES, "image_size": [256, 192],
                            "patch_size": [16, 16], "out_features": ["stage2"]},
        "use_simple_decoder": True, "num_labels": 17,
    }, {**_PLAIN, "do_affine_transform": True, "size": {"height": 256, "width": 192}}),
    "vitpose-classic": ("VitPoseForPoseEstimation", "vitpose", {
        "backbone_config": {"model_type": "vitpose_backbone", **_PATCHES, "image_size": [256, 192],
                            "patch_size": [16, 16], "out_features": ["stage2"]},
        "use_simple_decoder": False, "num_labels": 17,
    }, {**_PLAIN, "do_affine_transform": True, "size": {"height": 256, "width": 192}}),
    "convnext": ("ConvNextForImageClassification", "convnext", {
        "hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1],
    }, {**_PLAIN, "size": {"shortest_edge": 96}, "crop_pct": 0.875, "resample": 3}),
    "convnext-v2": ("ConvNextV2ForImageClassification", "convnextv2", {
        "hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1],
    }, {**_PLAIN, "size": {"shortest_edge": 96}, "crop_pct": 0.875, "resample": 3}),
    "resnet": ("ResNetForImageClassification", "resnet", _BASIC, {**_PLAIN, "size": 96, "crop_pct": 0.875}),
    "vit": ("ViTForImageClassification", "vit", {**_PATCHES, "intermediate_size": 32, "image_size": 96},
            {**_PLAIN, "size": {"height": 96, "width": 96}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}),
    "dinov2": ("Dinov2ForImageClassification", "dinov2", {**_PATCHES, "image_size": 98, "mlp_ratio": 2},
               {**_PLAIN, "resample": 3, "size": {"shortest_edge": 110}, "do_center_crop": True,
                "crop_size": {"height": 98, "width": 98}}),
    "dinov2-registers": ("Dinov2WithRegistersForImageClassification", "dinov2_with_registers",
                         {**_PATCHES, "image_size": 98, "mlp_ratio": 2, "num_register_tokens": 2},
                         {**_PLAIN, "resample": 3, "size": {"shortest_edge": 110}, "do_center_crop": True,
                          "crop_size": {"height": 98, "width": 98}}),
}  # fmt: skip


def make_network(name: str) -> Any:
    """A network of a kind, in evaluation mode, whose outputs are spread out: every query says something of its own."""
    import torch
    import transformers

    class_name, model_type, fields, _ = NETWORKS[name]
    labels = {} if "num_labels" in fields else {"id2label": dict(enumerate(LABELS)), "num_labels": len(LABELS)}
    config = transformers.AutoConfig.for_model(model_type, **fields, **labels)
    torch.manual_seed(0)
    model = getattr(transformers, class_name)(config).eval()
    with torch.no_grad():
        for key, values in model.named_parameters():
            if "bbox" in key:  # RF-DETR raises e to what it says of sizes
                values.normal_(std=0.05)
            elif "class_labels_classifier" in key or "class_predictor" in key:
                values.normal_(std=0.3 if "labels" in key else 1.0)
                if values.ndim == 1:
                    values[-1] = -4.0  # few queries are no-object
            elif values.ndim > 1 and "embed" not in key:
                gain = "relu" if values.ndim == 4 else "linear"  # convolutions have one behind them
                values.copy_(torch.nn.init.kaiming_normal_(torch.empty_like(values), nonlinearity=gain))
            elif "query" in key or "embed" in key:
                values.normal_(std=0.5)
    return model


def make_zoo_checkpoint(folder: Path, name: str) -> Path:
    """Write a checkpoint into ``folder`` as published ones are: configuration, weights, preprocessor, card."""
    import transformers

    transformers.logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make_network(name).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(NETWORKS[name][3]))
    (folder / "README.md").write_text(CARD)
    return folder
