"""What a network takes, as a manifest states it: pictures with their preprocessing, or plain tensors."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    field_validator,
    model_serializer,
    model_validator,
)

from belvedere.runtime.fields import Axis, Color, DType, Name, Part, Positive

Side = Annotated[int, Field(ge=1, le=16384)]


class Resize(Part):
    """How a picture becomes the network's input size; kernels are those of ``vision.resize``.

    Attributes:
        kernel: The resize kernel.
        mode: ``stretch`` (aspect ratio not kept), ``letterbox`` (kept, the rest filled) or ``crop`` (shorter side to
            ``short`` pixels, then the middle).
        width: Width of the network's input in pixels.
        height: Its height.
        anchor: Where a letterbox puts the picture.
        fill: Colour of a letterbox's rest.
        short: The shorter side before a crop, in pixels, at least width and height.
    """

    kernel: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos", "linear", "cubic"] = "bilinear"
    mode: Literal["stretch", "letterbox", "crop"] = "stretch"
    width: Side
    height: Side
    anchor: Literal["center", "top-left"] = "center"
    fill: Color = "#000000"
    short: Side | None = None

    @model_validator(mode="after")
    def _mode_has_what_it_needs(self) -> Self:
        if self.mode == "crop" and (self.short is None or self.short < max(self.width, self.height)):
            raise ValueError(f"short is {self.short}: a crop needs at least {max(self.width, self.height)} pixels")
        return self

    @model_serializer(mode="wrap")
    def _of_its_mode(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        foreign = {"stretch": {"anchor", "fill", "short"}, "letterbox": {"short"}, "crop": {"anchor", "fill"}}[
            self.mode
        ]
        return {key: value for key, value in handler(self).items() if key not in foreign}


class ImageInput(Part):
    """One picture input: value = (resized * scale - mean) / std.

    Attributes:
        name: Its name.
        shape: (N, channels, height, width), or (N, height, width, channels) for layout ``NHWC``; N is -1 where it is
            free, the others fit ``resize`` and ``color``.
        layout: ``NCHW`` or ``NHWC``.
        dtype: ``float32``; ``float16`` for the same values rounded at last; or ``uint8`` for the pixels as they are
            (then scale 1, mean 0, std 1).
        color: Channels: ``RGB``, ``BGR``, or ``GRAY`` (one channel).
        resize: How a picture gets its size.
        scale: Factor on the values 0..255.
        mean: Subtracted after scaling, per channel in the order of ``color``; one number stands for all channels.
        std: Divided by at last, in the same way.
        exif: Whether the EXIF orientation is applied on decoding.
    """

    kind: Literal["image"] = "image"
    name: Name
    shape: tuple[Axis, Axis, Axis, Axis]
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    dtype: Literal["float32", "float16", "uint8"] = "float32"
    color: Literal["RGB", "BGR", "GRAY"] = "RGB"
    resize: Resize
    scale: Positive = 1 / 255
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[Positive, ...] = (1.0, 1.0, 1.0)
    exif: bool = True

    @field_validator("mean", "std")
    @classmethod
    def _one_or_three(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if len(values) not in (1, 3):
            raise ValueError(f"{len(values)} numbers: expected one per channel, or one for all")
        return values

    @model_validator(mode="after")
    def _shape_fits_resize(self) -> Self:
        channels = 1 if self.color == "GRAY" else 3
        size = (self.resize.height, self.resize.width)
        expected = (channels, *size) if self.layout == "NCHW" else (*size, channels)
        if self.shape[1:] != expected:
            raise ValueError(f"shape {list(self.shape)} does not fit the resize: expected {[-1, *expected]}")
        return self

    @model_validator(mode="after")
    def _numbers_fit_channels(self) -> Self:
        channels = 1 if self.color == "GRAY" else 3
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) > channels and len(set(values)) != 1:
                raise ValueError(f"{name} is {list(values)}: expected one number for the one channel")
        if self.dtype == "uint8" and (self.scale != 1 or any(self.mean) or set(self.std) != {1.0}):
            raise ValueError("dtype uint8 takes pixels as they are: expected scale 1, mean 0 and std 1")
        return self


class TensorInput(Part):
    """One input that the caller fills with numbers; Belvedere prepares nothing.

    ``shape`` has any rank, -1 where an axis is free. ``dtype`` is NumPy's name of the element type. ``layout``
    is a remark for people, such as ``NCHW``, empty where it is not known.
    """

    kind: Literal["tensor"] = "tensor"
    name: Name
    shape: Annotated[tuple[Axis, ...], Field(max_length=32)]
    dtype: DType = "float32"
    layout: Annotated[str, Field(max_length=32)] = ""


def _kind(value: Any) -> str:
    found = value.get("kind", "image") if isinstance(value, dict) else getattr(value, "kind", "image")
    return found if isinstance(found, str) else ""


Input = Annotated[
    Annotated[ImageInput, Tag("image")] | Annotated[TensorInput, Tag("tensor")],
    Discriminator(_kind),
]
"""An input of a manifest, told apart by ``kind``; without one it is a picture."""
