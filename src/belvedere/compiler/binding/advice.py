"""What to tell about a network that is not bound to a task."""

from __future__ import annotations

from collections.abc import Sequence

from belvedere.compiler.binding.facts import Facts
from belvedere.compiler.binding.families import FAMILIES, serves
from belvedere.compiler.binding.pictures import DTYPES, declaration
from belvedere.compiler.binding.recognise import Recognised, likely, picture_of
from belvedere.compiler.importing import Imported, Port


def how_to_bind(imported: Imported, facts: Facts) -> str:
    """Why a network runs on tensors, and what to say so that it runs on pictures."""
    picture = picture_of(imported.inputs)
    borders = f"it takes {_ports(imported.inputs)} and gives {_ports(imported.outputs)}"
    unbound = f"the network is bound to no task ({borders})"
    seen = likely(imported.inputs, imported.outputs, facts)
    if picture is not None and picture.port.dtype in DTYPES and min(picture.size) < 1:
        looks = f"; it looks like {seen.family.title}" if seen is not None and seen.sure else ""
        return (
            f"{unbound}: it runs on tensors, because its pictures may have any size{looks}. To bind it, declare its "
            f"size: {declaration(picture, seen.family if seen is not None else None)}"
        )
    if seen is not None and not seen.sure:
        return f"{unbound}: it runs on tensors. {_doubt(seen)}"
    return f"{unbound}: it runs on tensors; to bind it say --task with --decoder, --labels, --mean and --std"


def unbindable(imported: Imported, facts: Facts, task: str | None) -> str:
    """Why a network cannot be bound as the user asks."""
    if picture_of(imported.inputs) is None:
        return (
            f"the network takes {_ports(imported.inputs)}: to be bound to a task it must take one picture, "
            "1x3xHxW or 1xHxWx3; declare the shape with --input, or compile it with --task tensor"
        )
    seen = likely(imported.inputs, imported.outputs, facts, task)
    if seen is not None and not seen.sure:
        return f"the outputs are not recognised ({_ports(imported.outputs)}). {_doubt(seen)}, or --task tensor"
    return (
        f"the outputs are not recognised ({_ports(imported.outputs)}): name what they are with --decoder "
        f"({families_for(task)}), or compile it with --task tensor"
    )


def looks_like(seen: Recognised, task: str | None) -> str:
    """That a network looks like another task than it is said to do."""
    return (
        f"the network looks like {seen.family.title}, not {task}: name what its outputs are with --decoder "
        f"({families_for(task)})"
    )


def families_for(task: str | None) -> str:
    """Names of the families of a task."""
    return ", ".join(family.name for family in FAMILIES.values() if serves(family, task))


def _doubt(seen: Recognised) -> str:
    where = "pixel" if seen.family.kind == "segmentation" else "picture"
    return (
        f"Its {seen.classes} numbers a {where} may be classes or something else, such as features: if they are "
        f"classes, say --task {seen.family.task} or name them with --labels"
    )


def _ports(ports: Sequence[Port]) -> str:
    return ", ".join(f"{port.name} {port.dtype} {list(port.shape)}" for port in ports)
