"""The promises of the project as a whole: few dependencies, exact pins, complete layers, clean text."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!]+")

# Parts of machine paths and of addresses that packages come from; split so that this file passes itself.
MACHINE_PATH = re.compile(r"(?<![\w./~>-])/(?:" + "wor" + "k|ro" + "ot|ho" + "me|Use" + r"rs|op" + r"t)/[\w.-]+")
INDEX_HOST = re.compile("py" + r"pi\.org|pythonhosted" + r"\.org|extra-index" + "-url|find" + "-links|simple" + "/$")


def distributions(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """Names of everything that installing ``name`` brings here, itself included."""
    found: set[str] = set()
    waiting = [(canonicalize_name(name), extras)]
    while waiting:
        current, wanted = waiting.pop()
        if current in found:
            continue
        found.add(current)
        for text in requires(current) or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in wanted or {""}):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return found


def repository_files() -> list[Path]:
    """The files of the repository, tracked or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode != 0:
        pytest.skip("not a git checkout, so there is no list of the repository's files")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_base_install_is_small() -> None:
    found = distributions("belvedere")
    assert {"belvedere", "numpy", "openvino", "onnxruntime"} <= found
    assert len(found) <= 45, sorted(found)


def test_base_install_has_no_torch() -> None:
    assert not {"torch", "transformers"} & distributions("belvedere")


def test_constraints_are_exact_pins_without_addresses() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) > 50
    assert [line for line in lines if not PIN.fullmatch(line)] == []
    names = [canonicalize_name(line.split("==")[0]) for line in lines]
    assert len(names) == len(set(names))
    assert "belvedere" not in names


def test_constraints_cover_every_dependency() -> None:
    pins = {
        canonicalize_name(line.split("==")[0])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    declared = [*PROJECT["project"]["dependencies"]]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        declared += extra
    missing = {canonicalize_name(Requirement(text).name) for text in declared} - pins
    assert not missing
    train = [Requirement(text).name for text in PROJECT["project"]["optional-dependencies"]["train"]]
    extras = frozenset({"dev", "train"} if all(map(_is_installed, train)) else {"dev"})
    installed = distributions("belvedere", extras) - {"belvedere"}
    missing = {name for name in installed if name not in pins and _is_installed(name)}
    # torch's GPU builds bring libraries of their makers, in versions that torch itself pins.
    assert not {name for name in missing if not name.startswith(("nvidia-", "cuda-", "triton"))}


def _is_installed(name: str) -> bool:
    try:
        requires(name)
    except PackageNotFoundError:
        return False
    return True


def test_layers_name_every_room() -> None:
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    named = {room.strip() for layer in layers for room in layer.split("|")}
    rooms = {f"belvedere.{path.parent.name}" for path in (ROOT / "src/belvedere").glob("*/__init__.py")}
    assert named == rooms


def test_version_is_in_one_place() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    from belvedere import __version__
    from belvedere._version import __version__ as written

    assert __version__ == written
    holders = [path for path in (ROOT / "src").rglob("*.py") if f'"{written}"' in path.read_text()]
    assert [path.name for path in holders] == ["_version.py"]


def test_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "APPENDIX: How to apply" in text
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_text_names_no_machine_and_no_package_index() -> None:
    wrong = []
    for path in repository_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for pattern in (MACHINE_PATH, INDEX_HOST):
            wrong += [f"{path.relative_to(ROOT)}: {match.group()}" for match in pattern.finditer(text)]
    assert wrong == []


def test_patterns_find_what_they_are_for() -> None:
    assert MACHINE_PATH.search("read /ho" + "me/someone/x")
    assert INDEX_HOST.search("https://py" + "pi.org/simple")
    assert not MACHINE_PATH.search("https://example.com/ho" + "me/x and docs/wor" + "k/x")


def test_no_large_files() -> None:
    large = {str(p.relative_to(ROOT)): p.stat().st_size for p in repository_files() if p.stat().st_size > 4_500_000}
    assert large == {}


def test_import_is_light() -> None:
    heavy = "numpy PIL openvino sklearn scipy onnx onnxruntime pydantic rich click jinja2"
    code = f"import sys, belvedere; print(sorted(set('{heavy}'.split()) & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
