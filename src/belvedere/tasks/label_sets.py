"""Label sets by name or from a file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from belvedere.core.errors import OptionError

LABEL_SETS = ("cifar10", "coco80", "coco90", "imagenet1000", "voc20", "voc21")
"""Sets that come with the package. ``coco90`` counts COCO's own ids from person = 1 and has ``???`` for unused ones,
``voc21`` begins with background."""

ALIASES = {"coco": "coco80"}
"""Other names of sets."""

_MOST_BYTES = 4 * 1024**2
_MOST_LABELS = 65_536
_LONGEST = 256


def label_set(name: str) -> tuple[str, ...]:
    """The labels of a set that comes with the package. Raises OptionError for an unknown name."""
    name = ALIASES.get(name, name)
    if name not in LABEL_SETS:
        raise OptionError(f"unknown label set {name!r}: expected one of {', '.join(LABEL_SETS)}, or a file")
    text = resources.files("belvedere.tasks").joinpath("labels", f"{name}.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def find_labels(name_or_file: str) -> tuple[str, ...]:
    """Labels by the name of a set, else from a text file with one label a line.

    A line ``12 cat`` or ``12: cat`` where the number is the line's own index is read as ``cat``, as TensorFlow's label
    files are written. Blank lines at the end are ignored; others stand for a class without a name.

    Raises:
        OptionError: neither a set nor a file, or a file that holds no labels.
    """
    if name_or_file in LABEL_SETS or name_or_file in ALIASES:
        return label_set(name_or_file)
    path = Path(name_or_file)
    if not path.is_file():
        raise OptionError(
            f"labels {name_or_file!r}: neither a file nor one of the sets {', '.join(LABEL_SETS)}; "
            "a file has one label a line"
        )
    return _parsed(_text(path), name_or_file)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise OptionError(f"labels {str(path)!r}: more than {_MOST_BYTES} bytes; expected one label a line")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise OptionError(f"labels {str(path)!r}: no UTF-8 text; expected one label a line") from None
    except OSError as error:
        raise OptionError(f"labels {str(path)!r}: cannot be read ({error.strerror})") from None


def _parsed(text: str, where: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.rstrip().splitlines()]
    if not any(lines):
        raise OptionError(f"labels {where!r}: holds no labels; expected one a line")
    if len(lines) > _MOST_LABELS or max(map(len, lines)) > _LONGEST:
        raise OptionError(
            f"labels {where!r}: {len(lines)} lines, the longest of {max(map(len, lines))} characters; "
            f"expected at most {_MOST_LABELS} lines of {_LONGEST}"
        )
    parts = [line.replace(":", " ", 1).split(maxsplit=1) for line in lines]
    if all(len(part) == 2 and part[0] == str(index) for index, part in enumerate(parts)):
        lines = [part[1] for part in parts]
    return tuple(line or "???" for line in lines)
