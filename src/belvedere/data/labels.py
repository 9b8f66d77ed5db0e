"""The words by which folders and tables say normal, anomaly, train and test."""

from __future__ import annotations

from belvedere.data.record import Label, Split

NORMAL_WORDS = (
    "normal", "good", "ok", "okay", "pass", "passed", "free", "clean", "defect-free", "non-defective",
    "no-defect", "no-anomaly", "not-anomalous", "non-anomalous",
)  # fmt: skip
"""Words for normal. Case does not matter, nor whether ``-``, ``_``, a space or nothing joins parts."""

ANOMALY_WORDS = (
    "anomaly", "anomalies", "anomalous", "abnormal", "bad", "defect", "defects", "defective", "ng", "nok",
    "not-ok", "not-good", "fail", "failed", "faulty",
)  # fmt: skip
"""Words for anomaly, compared in the same way."""

TRUE_WORDS = ("1", "true", "yes")
"""Words of a table column for an anomaly, beside ``ANOMALY_WORDS``."""

FALSE_WORDS = ("0", "false", "no")
"""Words of a table column for a normal picture, beside ``NORMAL_WORDS``."""

TRAIN_WORDS = ("train", "training")
"""Words for the training part."""

TEST_WORDS = ("test", "testing")
"""Words for the test part."""

VALIDATION_WORDS = ("val", "valid", "validation")
"""Words for a validation part: test pictures where nothing else is called test, else training pictures."""

MASK_WORDS = ("ground-truth", "gt", "masks", "mask")
"""Names of folders that hold masks."""


def squeeze(word: str) -> str:
    """Bring a word into the form in which words are compared: lower case, without ``-``, ``_`` and spaces."""
    return word.strip().casefold().translate({ord(letter): None for letter in "-_ "})


_NORMAL = frozenset(map(squeeze, NORMAL_WORDS))
_ANOMALY = frozenset(map(squeeze, ANOMALY_WORDS))
_TRUE = frozenset(TRUE_WORDS)
_FALSE = frozenset(FALSE_WORDS)
_MASKS = frozenset(map(squeeze, MASK_WORDS))


def label_of(word: str) -> Label | None:
    """The label that a folder name stands for, or None."""
    squeezed = squeeze(word)
    if squeezed in _NORMAL:
        return "normal"
    return "anomaly" if squeezed in _ANOMALY else None


def label_of_cell(word: str) -> Label | None:
    """The label that a table cell stands for (also ``0``/``1``, ``false``/``true``), or None."""
    squeezed = squeeze(word)
    if squeezed in _FALSE:
        return "normal"
    return "anomaly" if squeezed in _TRUE else label_of(word)


def is_mask_folder(word: str) -> bool:
    """Whether a folder of this name holds masks."""
    return squeeze(word) in _MASKS


def is_split_word(word: str) -> bool:
    """Whether a word names a part of a dataset."""
    return squeeze(word) in {*TRAIN_WORDS, *TEST_WORDS, *VALIDATION_WORDS}


def split_of(word: str, has_test: bool) -> Split | None:
    """The part that a word names, or None.

    Args:
        word: The word.
        has_test: Whether the dataset has pictures under one of ``TEST_WORDS`` too.
    """
    squeezed = squeeze(word)
    if squeezed in TRAIN_WORDS:
        return "train"
    if squeezed in TEST_WORDS:
        return "test"
    if squeezed in VALIDATION_WORDS:
        return "train" if has_test else "test"
    return None


def is_test_word(word: str) -> bool:
    """Whether a word names the test part itself."""
    return squeeze(word) in TEST_WORDS


def part_of(word: str) -> str | None:
    """The usual name of the part that a word names: ``train``, ``val`` or ``test``; or None."""
    squeezed = squeeze(word)
    if squeezed in TRAIN_WORDS:
        return "train"
    if squeezed in VALIDATION_WORDS:
        return "val"
    return "test" if squeezed in TEST_WORDS else None
