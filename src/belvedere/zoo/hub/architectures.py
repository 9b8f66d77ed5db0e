"""Which heads of the transformers library the zoo takes, and how their outputs are read. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from belvedere.core.errors import CompileError, OptionError

_BOXES, _QUERIES = ("logits", "pred_boxes"), ("class_queries_logits", "masks_queries_logits")


@dataclass(frozen=True)
class Architecture:
    """A class of the transformers library.

    Attributes:
        name: Its name there, as ``config.json`` has it under ``architectures``.
        decoders: Tasks that it can be bound to, and the family of the compiler's binding for each. Per-query masks
            serve two tasks, and the configuration does not tell which one a checkpoint was trained for.
        outputs: Fields of its output that the artifact has, in order.
    """

    name: str
    decoders: Mapping[str, str]
    outputs: tuple[str, ...]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it can be bound to."""
        return tuple(self.decoders)


def _masks(instances: str) -> dict[str, str]:
    return {"instance-segmentation": instances, "semantic-segmentation": "mask2former-semantic"}


_SEGFORMER = {"semantic-segmentation": "segformer"}

ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        row.name: row
        for row in (
            Architecture("RTDetrForObjectDetection", {"detection": "rt-detr"}, _BOXES),
            Architecture("RTDetrV2ForObjectDetection", {"detection": "rt-detr"}, _BOXES),
            Architecture("DFineForObjectDetection", {"detection": "rt-detr"}, _BOXES),
            Architecture("RfDetrForObjectDetection", {"detection": "rf-detr"}, _BOXES),
            Architecture(
                "RfDetrForInstanceSegmentation", {"instance-segmentation": "rf-detr-seg"}, (*_BOXES, "pred_masks")
            ),
            Architecture("DetrForObjectDetection", {"detection": "detr"}, _BOXES),
            Architecture("Mask2FormerForUniversalSegmentation", _masks("mask2former"), _QUERIES),
            Architecture("EomtForUniversalSegmentation", _masks("eomt"), _QUERIES),
            Architecture("SegformerForSemanticSegmentation", _SEGFORMER, ("logits",)),
            Architecture("VitPoseForPoseEstimation", {"pose": "vitpose"}, ("heatmaps",)),
            *(
                Architecture(f"{name}ForImageClassification", {"classification": "classifier"}, ("logits",))
                for name in ("ConvNext", "ConvNextV2", "ResNet", "ViT", "Dinov2", "Dinov2WithRegisters")
            ),
        )
    }
)


def architecture_of(config: Mapping[str, Any], wanted: str) -> Architecture:
    """The architecture that ``config.json`` names.

    Args:
        config: Its values.
        wanted: Start of messages: the model and its repository.

    Raises:
        CompileError: it names none of the zoo's, or its backbone comes from timm.
    """
    _refuse_timm(config, wanted)
    named = config.get("architectures")
    name = named[0] if isinstance(named, list) and len(named) == 1 and isinstance(named[0], str) else None
    if name is None or name not in ARCHITECTURES:
        raise CompileError(
            f"{wanted}: config.json says architectures {named!r}; the zoo takes {', '.join(ARCHITECTURES)}"
        )
    return ARCHITECTURES[name]


def task_of(architecture: Architecture, task: str, wanted: str) -> str:
    """The task to bind to: what was asked for, else the architecture's only one.

    Raises:
        OptionError: the architecture does not serve it, or serves two and none was named.
    """
    if task and task not in architecture.tasks:
        raise OptionError(f"{wanted}: {architecture.name} does {' or '.join(architecture.tasks)}, not {task}")
    if not task and len(architecture.tasks) > 1:
        raise OptionError(
            f"{wanted}: {architecture.name} does {' or '.join(architecture.tasks)}, and its configuration does not "
            "say which: name the task (--task)"
        )
    return task or architecture.tasks[0]


def _refuse_timm(config: Mapping[str, Any], wanted: str) -> None:
    """Backbones of timm need that library, and most of them its pickled or separately fetched weights."""
    backbone = config.get("backbone_config")
    kind = backbone.get("model_type") if isinstance(backbone, Mapping) else None
    # Configurations of DETR from before backbones had one of their own: timm unless they say no.
    old = config.get("model_type") in ("detr", "conditional_detr", "deformable_detr") and backbone is None
    uses = config.get("use_timm_backbone", old) is True or kind in ("timm_backbone", "timm_wrapper")
    if uses or config.get("model_type") in ("timm_backbone", "timm_wrapper"):
        named = config.get("backbone") or (backbone or {}).get("backbone") or "unnamed"
        raise CompileError(
            f"{wanted}: its backbone ({named}) is one of timm, a library that Belvedere does not use; choose a "
            "checkpoint whose backbone is part of transformers (DETR has such ones under the revision no_timm), or "
            "export the network to ONNX where timm is installed and compile that file"
        )
