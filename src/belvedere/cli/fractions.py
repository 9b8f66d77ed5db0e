"""Shares of parts on the command line: an option that takes several numbers."""

from __future__ import annotations

import click


class SpacedNumbers(click.Command):
    """A command whose option ``--fractions`` takes the numbers that follow it, two or three."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Join the numbers behind the option with commas before click reads the words."""
        words: list[str] = []
        for word in args:
            if words[-2:-1] == ["--fractions"] and _is_number(word):
                words[-1] += f",{word}"
            else:
                words.append(word)
        return super().parse_args(ctx, words)


def parse_fractions(value: str) -> tuple[float, ...]:
    """Read ``0.8,0.2``; their sum is checked where they are used. Raises click.BadParameter for no numbers."""
    words = value.replace(",", " ").split()
    if not words or not all(map(_is_number, words)):
        raise click.BadParameter(f"'{value}' is not two or three numbers such as 0.8 0.2.")
    return tuple(map(float, words))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
