"""Kinds of values that the parts of a manifest share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Axis = Annotated[int, Field(ge=-1)]
Threshold = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]
Color = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")]
Name = Annotated[str, Field(min_length=1, max_length=256)]
DType = Literal[
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"
]
"""NumPy's names of the element types that tensors have."""


class Part(BaseModel):
    """A part of a manifest: no unknown fields, no silent conversions, finite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
