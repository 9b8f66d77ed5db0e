"""``python -m belvedere``: the same as the command ``belvedere``."""

from belvedere.cli import main

if __name__ == "__main__":
    main()
