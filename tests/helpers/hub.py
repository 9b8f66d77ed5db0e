"""A hub on this machine: answers what huggingface_hub asks when it downloads files."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

EXTRA = ("torch", "transformers", "huggingface_hub", "safetensors")
MISSING = [name for name in EXTRA if importlib.util.find_spec(name) is None]

needs_train_extra = pytest.mark.skipif(
    bool(MISSING), reason=f"needs the [train] extra; not installed: {', '.join(MISSING)}"
)


class LocalHub(ThreadingHTTPServer):
    """Serves ``folder/OWNER/REPO/FILE`` under the branch ``main``, the tag ``v1`` and the commit.

    Attributes:
        asked: Every request: method and path.
        cut: Break the connection once, after this many bytes of a file that has more; 0 for never.
        ranges: The Range header of every request that had one.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.asked: list[str] = []
        self.cut = 0
        self.ranges: list[str] = []

    @property
    def url(self) -> str:
        """What HF_ENDPOINT should say."""
        return f"http://127.0.0.1:{self.server_port}"


def commit_of(repository: str) -> str:
    """The commit that all files of a repository are of."""
    return hashlib.sha1(repository.encode()).hexdigest()


@contextmanager
def local_hub(folder: Path) -> Iterator[LocalHub]:
    """Run a hub in a thread."""
    hub = LocalHub(folder)
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()


def hub_environment(url: str, cache: Path, **more: str) -> dict[str, str]:
    """Environment of a process that uses the hub at ``url`` and nothing of the user's."""
    kept = {key: value for key, value in os.environ.items() if not key.upper().startswith(("HF_", "HUGGING"))}
    hidden = {key: value for key, value in kept.items() if not key.lower().endswith("_proxy")}
    return {**hidden, "HF_ENDPOINT": url, "HF_HOME": str(cache), "HF_HUB_DISABLE_TELEMETRY": "1", **more}


class _Handler(BaseHTTPRequestHandler):
    server: LocalHub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *args: Any) -> None:
        """Nothing on stderr."""

    def _answer(self, *, body: bool) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        parts = self.path.split("?")[0].strip("/").split("/")
        if len(parts) != 5 or parts[2] != "resolve":
            return self._refuse(404, "")
        owner, name, _, revision, file = parts
        repository = f"{owner}/{name}"
        folder = self.server.folder / owner / name
        if not folder.is_dir():
            return self._refuse(401, "RepoNotFound")
        if revision not in ("main", "v1", commit_of(repository)):
            return self._refuse(404, "RevisionNotFound")
        if not (folder / file).is_file():
            return self._refuse(404, "EntryNotFound", commit_of(repository))
        data = (folder / file).read_bytes()
        etag, start = hashlib.sha256(data).hexdigest(), self._start()
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", commit_of(repository))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if body and 0 < self.server.cut < len(data):
            self.wfile.write(data[start : start + self.server.cut])
            self.server.cut, self.close_connection = 0, True
        elif body:
            self.wfile.write(data[start:])
        return None

    def _start(self) -> int:
        """First byte that is asked for."""
        asked = self.headers.get("Range", "")
        if asked and self.command == "GET":
            self.server.ranges.append(asked)
            return int(asked.removeprefix("bytes=").partition("-")[0])
        return 0

    def _refuse(self, status: int, code: str, commit: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        if commit:
            self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", "0")
        self.end_headers()
