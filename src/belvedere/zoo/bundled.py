"""Models that come with the package.

To add one: put its archive into ``artifacts/`` and a line with ``file`` into ``models.toml``.
"""

from __future__ import annotations

from importlib.resources import as_file, files

from belvedere.core.errors import OptionError
from belvedere.runtime import Artifact
from belvedere.zoo.catalogue import Entry

_BACKBONE = "backbone:"


def bundled_artifact(entry: Entry) -> Artifact:
    """The artifact of an entry of the source ``bundled``.

    Raises:
        OptionError: the package does not hold it.
        ArtifactError: it is damaged.
    """
    if entry.file.startswith(_BACKBONE):
        return _backbone(entry.file.removeprefix(_BACKBONE), entry)
    path = files("belvedere.zoo").joinpath("artifacts", entry.file)
    if not path.is_file():
        raise OptionError(f"model {entry.name}: this installation of the package lacks {entry.file}: install it again")
    with as_file(path) as held:
        return Artifact.load(held)


def _backbone(name: str, entry: Entry) -> Artifact:
    """A feature network as it is: pictures of any size that it takes, already normalised, to feature maps."""
    from belvedere.training.backbones import bundled_backbone

    backbone = bundled_backbone(name)
    return Artifact.build(
        files={"model.onnx": backbone.network},
        task="tensor",
        name=entry.name,
        network={"file": "model.onnx"},
        inputs=[{"kind": "tensor", "name": "image", "shape": [-1, 3, -1, -1], "dtype": "float32", "layout": "NCHW"}],
        outputs=[{"name": "features", "shape": [-1, backbone.channels, -1, -1], "dtype": "float32"}],
        decoder={"kind": "tensor"},
        provenance={
            "zoo": {
                "name": entry.name, "source": "bundled", "licence": backbone.licence, "origin": backbone.origin,
                "stride": backbone.stride, "multiple": backbone.multiple, "mean": list(backbone.mean),
                "std": list(backbone.std),
            }
        },
    )  # fmt: skip
