"""The report of a compile run: figures, the machine, and the page."""
