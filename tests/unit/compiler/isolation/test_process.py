"""The process that reads foreign files: whatever happens to it becomes an error of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from belvedere.compiler.isolation.process import RetryableError
from belvedere.compiler.openvino_form.process import convert_isolated
from belvedere.core.errors import CompileError, LimitError, MissingExtraError
from belvedere.core.limits import Limits

READER = """
import os, signal, sys, time
import numpy
from pathlib import Path
from belvedere.compiler.isolation.process import RetryableError
from belvedere.compiler.openvino_form.process import Outcome, serve
from belvedere.core.errors import LimitError, MissingExtraError

def convert(job, scratch):
    from belvedere.runtime.engine_imports import import_openvino
    if job["do"] == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if job["do"] == "exit":
        print("what it said last", file=sys.stderr)
        sys.exit(3)
    if job["do"] == "sleep":
        time.sleep(60)
    if job["do"] == "memory":
        bytearray(8 * 1024**3)
    if job["do"] == "limit":
        raise LimitError("too large")
    if job["do"] == "retry":
        raise RetryableError("another way")
    if job["do"] == "extra":
        raise MissingExtraError("Reading it", "keras")
    if job["do"] == "surprise":
        raise LookupError("Check 'a' failed at src/x.cpp:1:\\nthe reason")
    opset = import_openvino().opset13
    value = opset.parameter([job["size"], job["size"]], numpy.float32)
    value.output(0).get_tensor().set_names({"x"})
    result = opset.matmul(value, value, False, False)
    result.output(0).get_tensor().set_names({"y"})
    return Outcome(import_openvino().Model([opset.result(result)], [value]), ("a note",), {"a": 1})

serve(convert)
"""


@pytest.fixture
def reader(tmp_path, monkeypatch):
    (tmp_path / "reader_of_tests.py").write_text(READER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "file").write_bytes(b"")

    def convert(do: str, **limits):
        job = {"do": do, "size": 65_536 if do == "tensor" else 4}
        return convert_isolated("reader_of_tests", job, tmp_path / "file", limits=Limits(**limits))

    return convert


def test_a_network_comes_back_with_its_names_and_notes(reader):
    converted = reader("work")
    assert (converted.inputs, converted.outputs, converted.notes) == (("x",), ("y",), ("a note",))
    assert converted.provenance == {"a": 1}
    assert converted.network.input(0).get_element_type().to_dtype() == np.float32


@pytest.mark.parametrize(
    ("do", "error", "words"),
    [
        ("crash", CompileError, r"file: the process that reads it crashed on it \(SIGSEGV\)"),
        ("exit", CompileError, "status 3; .* what it said last"),
        ("memory", LimitError, "file: reading it needs more memory than the limit"),
        ("tensor", LimitError, "file: node .* too large"),
        ("limit", LimitError, "too large"),
        ("retry", RetryableError, "another way"),
        ("extra", MissingExtraError, r"Reading it needs the \[keras\] extra"),
        ("surprise", CompileError, r"file: cannot be read \(the reason\)"),
    ],
)
def test_what_goes_wrong_in_the_process_becomes_an_error(reader, do, error, words):
    with pytest.raises(error, match=words):
        reader(do, conversion_bytes=3 * 1024**3)


def test_a_process_that_takes_too_long_is_stopped(reader):
    with pytest.raises(LimitError, match="longer than 2 s"):
        reader("sleep", conversion_seconds=2.0)


def test_nothing_is_left_behind(reader, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    reader("work")
    with pytest.raises(CompileError):
        reader("crash")
    assert list(Path(scratch).iterdir()) == []
