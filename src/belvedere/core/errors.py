"""The exception tree.

    BelvedereError
    ├── ImageError (ValueError)        a picture that cannot be decoded or is over a limit
    ├── DatasetError (ValueError)      a dataset that cannot be read, or not used for what was asked
    ├── ArtifactError (ValueError)     an artifact that is damaged, unsafe, or of another version
    │   └── NotAnArtifactError         something that is no artifact at all, such as a model to compile first
    ├── EngineError (RuntimeError)     an inference engine that cannot be had, or failed
    ├── TrainingError (ValueError)     training that cannot start or finish on this data
    ├── CompileError (ValueError)      a model of another framework that cannot be read, or not compiled as asked
    ├── OptionError (ValueError)       an option that has no such value or clashes with another
    ├── LimitError (ValueError)        an input over a stated bound
    ├── StorageError (OSError)         a file that could not be written whole
    └── MissingExtraError (ImportError)  an optional dependency that is not installed

Each also derives from the builtin that callers would expect, so ``except ValueError`` works.
Messages name the thing, what was expected, and what to do.
"""

from __future__ import annotations


class BelvedereError(Exception):
    """Base of every error that Belvedere raises on purpose."""


class ImageError(BelvedereError, ValueError):
    """A picture cannot be decoded: damaged, of an unsupported kind, or over a limit."""


class DatasetError(BelvedereError, ValueError):
    """A dataset cannot be read, or cannot be used for what was asked."""


class ArtifactError(BelvedereError, ValueError):
    """An artifact is damaged, unsafe, incomplete, or of a version this release does not know."""


class NotAnArtifactError(ArtifactError):
    """What is there is no artifact at all: a model of another framework, or anything else."""


class EngineError(BelvedereError, RuntimeError):
    """An inference engine is not available or failed to run a network."""


class TrainingError(BelvedereError, ValueError):
    """Training cannot start, or cannot finish, on the data it was given."""


class CompileError(BelvedereError, ValueError):
    """A model of another framework is damaged, incomplete or unsupported, or cannot be compiled as asked."""


class OptionError(BelvedereError, ValueError):
    """An option has an unknown value or contradicts another one."""


class LimitError(BelvedereError, ValueError):
    """An input is larger than a stated bound."""


class StorageError(BelvedereError, OSError):
    """A file could not be written completely; what was there before is untouched."""


class MissingExtraError(BelvedereError, ImportError):
    """A feature needs an optional dependency that is not installed.

    Args:
        feature: What the user asked for, as the start of a sentence.
        extra: The name of the extra that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the [{extra}] extra: pip install 'belvedere[{extra}]', or in a clone of the repository "
            f"pip install -e '.[{extra}]'"
        )
        self.extra = extra
