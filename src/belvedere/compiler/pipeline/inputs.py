"""How the finished network is to be fed and read: its part of the manifest, and the change of its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.binding import Wanted, bind
from belvedere.compiler.importing import Imported, Port
from belvedere.compiler.parity.feeds import random_picture, seeded_inputs
from belvedere.compiler.passes.inputs import Adaption
from belvedere.compiler.pipeline.artifact import ONNX_FILE
from belvedere.compiler.pipeline.network import Finished, adapted_port, to_source
from belvedere.compiler.pipeline.options import CompileOptions
from belvedere.compiler.pipeline.samples import GivenSample, prepare
from belvedere.core.errors import CompileError
from belvedere.runtime import Artifact, Manifest


@dataclass(frozen=True, eq=False)
class Plan:
    """How the finished network is fed and read.

    Attributes:
        parts: ``task``, ``labels``, ``inputs``, ``outputs``, ``decoder`` and ``batch`` of the manifest, JSON values.
        ports: The finished network's inputs.
        adaption: What its first picture input changes against the source's; None for nothing.
        notes: Sentences that the user should read.
        bound: Facts about the binding for the manifest.
    """

    parts: Mapping[str, Any]
    ports: tuple[Port, ...]
    adaption: Adaption | None = None
    notes: tuple[str, ...] = ()
    bound: Mapping[str, Any] = field(default_factory=dict)

    def source_feeds(self, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """What the source network takes where the finished one takes ``tensors``."""
        own = self.adaption.name if self.adaption else None
        return {name: to_source(tensor, self.adaption if name == own else None) for name, tensor in tensors.items()}

    def manifest(self, name: str) -> Manifest:
        """A manifest for reading pictures and outputs before the network is finished."""
        return Artifact.build(files={ONNX_FILE: b""}, name=name, network={"file": ONNX_FILE}, **self.parts).manifest

    def seeded(self, count: int, name: str) -> list[GivenSample]:
        """Seeded inputs, scaled as the model's own preprocessing scales a picture."""
        manifest, found = self.manifest(name), []
        for seed in range(count):
            part = self.parts["inputs"][0]
            image = None
            if part["kind"] == "image" and len(self.parts["inputs"]) == 1:
                image = random_picture(part["resize"]["height"], part["resize"]["width"], 3, seed)
                tensors = prepare(image, manifest)
            else:
                tensors = seeded_inputs(self.ports, seed)
            found.append(GivenSample(f"seed {seed}", tensors, image))
        return found

    def finished(self, network: Finished) -> Plan:
        """The plan with the shapes of the finished network."""
        shapes = {port.name: list(port.shape) for port in (*network.inputs, *network.outputs)}
        parts = dict(self.parts)
        for kind in ("inputs", "outputs"):
            parts[kind] = [{**part, "shape": shapes.get(part["name"], part["shape"])} for part in parts[kind]]
        return replace(self, parts=parts, ports=network.inputs)


def plan_inputs(imported: Imported, options: CompileOptions) -> Plan:
    """Bind the network to its task and decide what becomes of its input.

    Raises:
        CompileError: the network does not fit the task, or its input cannot be changed as asked.
        OptionError: an option of the binding has no such value.
    """
    bound = bind(imported, _wanted(options))
    parts, notes = bound.parts(imported.outputs), bound.notes
    wanted = options.uint8_input or bool(options.layout)
    if not wanted:
        return Plan(parts, imported.inputs, notes=notes, bound=bound.provenance())
    place, port = _picture(imported.inputs)
    network_layout = port.layout or (
        "NHWC" if port.shape[3] in (1, 3, 4) and port.shape[1] not in (1, 3, 4) else "NCHW"
    )
    part = parts["inputs"][place]
    adaption = Adaption(
        name=port.name,
        network_layout=network_layout,
        layout=options.layout or network_layout,
        uint8=options.uint8_input,
        **_normalisation(part, options) if options.uint8_input else {},
    )
    ports = tuple(adapted_port(each, adaption if each is port else None) for each in imported.inputs)
    changed = {**part, "shape": list(ports[place].shape), "dtype": ports[place].dtype, "layout": adaption.layout}
    if part["kind"] == "image" and options.uint8_input:
        changed |= {"scale": 1.0, "mean": [0.0], "std": [1.0]}
    every = [changed if index == place else each for index, each in enumerate(parts["inputs"])]
    return Plan({**parts, "inputs": every}, ports, adaption, notes, bound.provenance())


def _wanted(options: CompileOptions) -> Wanted:
    return Wanted(
        task=options.task,
        labels=options.labels,
        decoder=options.decoder,
        mean=options.mean,
        std=options.std,
        scale=options.scale,
        color=options.color,
        resize=options.resize,
    )


def _picture(ports: tuple[Port, ...]) -> tuple[int, Port]:
    """The one input that is a float picture."""
    found = [(i, port) for i, port in enumerate(ports) if len(port.shape) == 4 and port.dtype == "float32"]
    if len(found) != 1:
        listed = ", ".join(f"{port.name} {port.dtype} {list(port.shape)}" for port in ports)
        raise CompileError(f"uint8 input or another layout needs one float32 input of four axes; the inputs: {listed}")
    return found[0]


def _normalisation(part: Mapping[str, Any], options: CompileOptions) -> dict[str, Any]:
    if part["kind"] == "image":
        return {"scale": float(part["scale"]), "mean": tuple(part["mean"]), "std": tuple(part["std"])}
    # Bound to no task: mean and std in the units of the pixels, as they are given.
    mean, std = options.mean or (0.0,), options.std or (1.0,)
    return {"mean": tuple(np.asarray(mean, float).tolist()), "std": tuple(np.asarray(std, float).tolist())}
