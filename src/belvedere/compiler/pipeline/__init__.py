"""The steps of a compile run."""
