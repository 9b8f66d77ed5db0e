"""What torch and OpenVINO say when they refuse a network, in words for users."""

from __future__ import annotations

import re

_NO_RULE = re.compile(r"No conversion rule found for operations:\s*([^\n]+)")
_LINES_OF_SOURCE = ("Check '", "Exception from", "FrontEnd API failed", "While validating", "[ ERROR")
_ADDRESSED = re.compile(r"\s*(?:Please feel free to|\[Caused by|Support for this operator was added)")


def reason(error: Exception) -> str:
    """What an error of torch or OpenVINO says, without their own source files and pleas for support."""
    text = str(error)
    if found := _NO_RULE.search(text):
        return f"it has no translation for {found.group(1).strip()}"
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(_LINES_OF_SOURCE)]
    # TorchScript puts the error at the end, behind the stack.
    said = lines[-1] if lines and lines[0].startswith("The following operation failed") else (lines or [""])[0]
    return _ADDRESSED.split(said, maxsplit=1)[0].strip().rstrip(".")[:300] or type(error).__name__
