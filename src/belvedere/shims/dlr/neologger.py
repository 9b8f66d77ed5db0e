"""The log that DLR writes its errors to."""

from __future__ import annotations

import logging


def create_logger(log_file: str | None = None) -> logging.Logger:
    """The logger for errors, which also appends to ``log_file`` where one is named.

    The original also prints every error that it raises to stderr; a program that wants that adds a handler to the
    logger ``dlr``.
    """
    if not log_file:
        return logging.getLogger("dlr")
    logger = logging.getLogger(f"dlr.file.{log_file}")
    if not logger.handlers:
        handler = logging.FileHandler(log_file, encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
    return logger


logging.getLogger("dlr").addHandler(logging.NullHandler())
