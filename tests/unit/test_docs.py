"""The manual is true: commands parse, Python compiles and uses what exists, links lead somewhere."""

from __future__ import annotations

import ast
import importlib
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import belvedere
from belvedere.cli.root import root

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ROOT / "docs" / "reference" / "cli.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")

# Files and folders that the manual's command lines name and that must exist for them to parse.
EXISTING = {"boards/": None, "part-mask.png": b"x", "app.py": b""}

# What a variable of this name stands for in the manual's Python.
KINDS = {
    "model": ("belvedere.runtime.model", "Model"),
    "result": ("belvedere.tasks.anomaly.result", "AnomalyResult"),
    "region": ("belvedere.tasks.anomaly.result", "Region"),
    "report": ("belvedere.evaluation", "Report"),
    "dataset": ("belvedere.data", "Dataset"),
    "problem": ("belvedere.data", "Problem"),
}


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for found, text in FENCE.findall(page.read_text(encoding="utf-8")):
            if found == language:
                yield str(page.relative_to(ROOT)), text


def command_lines() -> list[tuple[str, str]]:
    lines = []
    for page, text in blocks(""):
        if page != str(GENERATED.relative_to(ROOT)):
            found = re.findall(r"^ *(belvedere \S.*)$", text.replace("\\\n", " "), re.MULTILINE)
            lines += [(page, line) for line in found]
    return lines


def python_blocks() -> list[tuple[str, str]]:
    return list(blocks("python"))


def test_there_is_something_to_test() -> None:
    assert len(command_lines()) > 10
    assert len(python_blocks()) > 3


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_command_lines_parse(page: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in EXISTING.items():
        if content is None:
            (tmp_path / name).mkdir()
        else:
            (tmp_path / name).write_bytes(content)
    words = shlex.split(line, comments=True)[1:]
    context = click.Context(root, info_name="belvedere")
    command = root.get_command(context, words[0])
    assert command is not None, f"{page}: there is no command {words[0]}"
    words, inner = words[1:], command.make_context(words[0], words[1:], parent=context)
    while isinstance(command, click.Group):
        name, command, words = command.resolve_command(inner, words)
        assert command is not None, f"{page}: there is no command {name}"
        inner = command.make_context(name, words, parent=inner)


@pytest.mark.parametrize(("page", "code"), python_blocks())
def test_python_uses_what_exists(page: str, code: str) -> None:
    for node in ast.walk(ast.parse(code, filename=page)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("belvedere"):
            module = importlib.import_module(str(node.module))
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        owner = node.value.id
        if owner == "bv":
            assert node.attr in belvedere.__all__, f"{page}: belvedere.{node.attr} is not public"
        elif owner in KINDS:
            module_name, name = KINDS[owner]
            kind = getattr(importlib.import_module(module_name), name)
            known = set(dir(kind)) | set(getattr(kind, "__annotations__", {}))
            assert node.attr in known, f"{page}: {owner}.{node.attr}"


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page, text in blocks(""):
        for target in re.findall(r"^make (\w+)", text, re.MULTILINE):
            assert target in targets, f"{page}: make {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if f": {page}\n" not in navigation] == []


def test_command_reference_says_what_the_commands_say() -> None:
    page = runpy.run_path(str(ROOT / "tools" / "cli_reference.py"))["page"]
    assert GENERATED.read_text(encoding="utf-8") == page(), "run: .venv/bin/python tools/cli_reference.py"


def test_the_changelog_has_an_unreleased_part() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text
    sections = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert set(sections) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_readme_is_about_the_project_on_its_first_screen() -> None:
    first = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:16])
    assert "make demo" in first
    assert "make test" in first
    assert "docs/assets/demo.png" in first
