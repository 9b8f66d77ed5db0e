"""Write docs/reference/cli.md from the commands themselves.

python tools/cli_reference.py           # write the page
python tools/cli_reference.py --check   # exit 1 if the page is not what the commands say
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click

from belvedere.cli.root import COMMANDS, root

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "cli.md"

HEAD = """\
# Command line

<!-- Written by tools/cli_reference.py; a test compares. Change the commands, not this page. -->

Results go to stdout, everything else to stderr. With `--json`, stdout holds one JSON object a line.

| exit code | means |
|---:|---|
| 0 | done |
| 1 | anything failed; inputs that failed are named on stderr, the rest is done |
| 2 | the command line is wrong |
| 130 | interrupted |

`--debug`, anywhere in a command line, or `BELVEDERE_DEBUG=1` shows tracebacks.
"""


def page() -> str:
    """The whole page."""
    context = click.Context(root, info_name="belvedere")
    parts = [HEAD]
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command is not None
        parts += sections(command, click.Context(command, info_name=name, parent=context))
    return "\n".join(parts)


def sections(command: click.Command, context: click.Context) -> list[str]:
    """One command, and the commands below it where it is a group."""
    found = [section(command, context)]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found += sections(inner, click.Context(inner, info_name=name, parent=context))
    return found


def section(command: click.Command, context: click.Context) -> str:
    """One command: usage, description, options."""
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    name = context.command_path.partition(" ")[2]
    lines = [f"##{'#' * name.count(' ')} {name}", "", "```", usage, "```", "", description(command), ""]
    options = [p for p in command.get_params(context) if isinstance(p, click.Option) and "--help" not in p.opts]
    if options:
        lines += ["| option | |", "|---|---|"]
    for option in options:
        names, text = option.get_help_record(context) or ("", "")
        lines.append(f"| `{escape(names)}` | {escape(text)} |")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return text.replace("|", "\\|")


def description(command: click.Command) -> str:
    """The command's help; paragraphs that click leaves unwrapped become code."""
    paragraphs = []
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b"):
            title, *code = paragraph.removeprefix("\b").strip("\n").split("\n")
            paragraphs.append("\n".join([title, "", "```", *(line.strip() for line in code), "```"]))
        else:
            paragraphs.append(paragraph)
    return "\n\n".join(paragraphs)


def main() -> int:
    """Write or check the page."""
    text = page()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
