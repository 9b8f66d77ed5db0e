"""The switch by which programs turn DLR's usage reports off. They are off."""

from __future__ import annotations


class PhoneHome:
    """Accepts the calls of the original and sends nothing."""

    @staticmethod
    def is_enabled() -> bool:
        """Always False."""
        return False

    @staticmethod
    def disable_feature() -> None:
        """Nothing to disable."""

    @staticmethod
    def enable_feature() -> None:
        """Reports cannot be turned on."""

    @staticmethod
    def get_instance() -> None:
        """There is no reporter."""
