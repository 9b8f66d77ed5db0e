"""The self-test of an artifact: inputs, and the outputs that they gave where the model was made.

The file is a NumPy ``.npz`` with arrays ``input:<name>`` and ``output:<place>``, places counted from 0.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import ArtifactError
from belvedere.runtime.artifact import Artifact
from belvedere.runtime.engine import Engine

SELFTEST = "selftest.npz"
_MOST_BYTES = 2 * 1024**3
_LEAST_SCALE = 1e-3


@dataclass(frozen=True)
class OutputDifference:
    """How far one output is from what was measured.

    Attributes:
        name: The output.
        error: Largest absolute difference as a share of the largest absolute value expected (at least 0.001);
            infinite where shapes differ, or one side is not a finite number where the other is.
        ok: Whether that is within the tolerance.
    """

    name: str
    error: float
    ok: bool


@dataclass(frozen=True)
class SelfTestReport:
    """What a self-test found.

    Attributes:
        ok: Whether every output is within the tolerance.
        tolerance: Largest error allowed.
        outputs: One entry per output, in the manifest's order.
        engine: Name and version of the engine that ran it.
        precision: What that computes in.
    """

    ok: bool
    tolerance: float
    outputs: tuple[OutputDifference, ...]
    engine: str
    precision: str

    def __str__(self) -> str:
        worst = max(self.outputs, key=lambda output: output.error)
        verdict = "passed" if self.ok else "FAILED"
        return (
            f"self-test {verdict} on {self.engine} ({self.precision}): largest error {worst.error:.2g} in output "
            f"'{worst.name}', {self.tolerance:.2g} allowed"
        )


def selftest_file(inputs: Mapping[str, NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> bytes:
    """The content of a self-test's file; equal arrays give equal bytes.

    Args:
        inputs: What ``Model.run`` takes.
        outputs: What it gave.
    """
    packed = io.BytesIO()
    arrays = {f"input:{name}": values for name, values in inputs.items()}
    arrays |= {f"output:{place}": values for place, values in enumerate(outputs)}
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, values in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(values), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())
    return packed.getvalue()


def read_selftest(artifact: Artifact) -> tuple[dict[str, NDArray[Any]], tuple[NDArray[Any], ...]]:
    """Inputs by name, and expected outputs, of an artifact's self-test.

    Raises:
        ArtifactError: it has none, or it is damaged, or does not cover the model's inputs and outputs.
    """
    manifest = artifact.manifest
    if manifest.selftest is None:
        raise ArtifactError(f"the artifact '{manifest.name}' holds no self-test: compile the source model again")
    where = f"{manifest.selftest.file} of '{manifest.name}'"
    try:
        with zipfile.ZipFile(io.BytesIO(artifact.files[manifest.selftest.file])) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                raise ArtifactError(f"{where}: unpacks to more than {_MOST_BYTES} bytes")
            arrays = {name.removesuffix(".npy"): _array(archive.read(name)) for name in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"{where}: not a readable .npz file ({error})") from None
    wanted = [f"input:{part.name}" for part in manifest.inputs]
    wanted += [f"output:{place}" for place in range(len(manifest.outputs))]
    missing = [name for name in wanted if name not in arrays]
    if missing:
        raise ArtifactError(f"{where}: lacks {', '.join(missing[:8])}")
    inputs = {part.name: arrays[f"input:{part.name}"] for part in manifest.inputs}
    return inputs, tuple(arrays[f"output:{place}"] for place in range(len(manifest.outputs)))


def compare(artifact: Artifact, found: Sequence[NDArray[Any]], engine: Engine) -> SelfTestReport:
    """What a self-test found.

    Args:
        artifact: Holds the self-test.
        found: What the self-test's inputs gave, in the order of the manifest's outputs.
        engine: What ran them.

    Raises:
        ArtifactError: see ``read_selftest``.
    """
    _, expected = read_selftest(artifact)
    assert artifact.manifest.selftest is not None
    tolerance = artifact.manifest.selftest.tolerance
    errors = [largest_error(got, want) for got, want in zip(found, expected, strict=True)]
    outputs = tuple(
        OutputDifference(output.name, error, error <= tolerance)
        for output, error in zip(artifact.manifest.outputs, errors, strict=True)
    )
    ok = all(output.ok for output in outputs)
    return SelfTestReport(ok, tolerance, outputs, f"{engine.name} {engine.version}", engine.computes)


def largest_error(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Largest absolute difference as a share of the largest absolute value expected, at least 0.001.

    Equal infinities and two NaN are no difference.
    """
    if found.shape != expected.shape:
        return math.inf
    if not expected.size:
        return 0.0
    got, want = found.astype(np.float64), expected.astype(np.float64)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    if same.all():
        return 0.0
    if not (np.isfinite(got[~same]).all() and np.isfinite(want[~same]).all()):
        return math.inf
    scale = np.abs(want[np.isfinite(want)]).max(initial=_LEAST_SCALE)
    return float(np.abs(got[~same] - want[~same]).max() / scale)


def _array(content: bytes) -> NDArray[Any]:
    """One array of the ``.npy`` form. Raises ValueError; a false shape in its header allocates nothing."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"an array of the unknown version {version}")
    shape, by_columns, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("an array of Python objects")
    if any(axis < 0 for axis in shape) or math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError("an array that is truncated or not of its stated shape")
    values = np.frombuffer(content, dtype, offset=stream.tell())
    return values.reshape(shape, order="F" if by_columns else "C")
