"""The door: `citewell`, `python -m assistant`. Answers `--version` before anything heavy is imported."""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def main() -> None:
    """Run the command line and leave with its exit status."""
    if sys.argv[1:] == ["--version"]:
        from assistant import __version__

        # What cannot be written is told below, as for every command.
        with suppress(OSError, AttributeError):
            sys.stdout.write(f"citewell {__version__}\n")
            sys.stdout.flush()
            return
    # pydantic would search every installed package for plugins before it builds the first model.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        from assistant.commands.cli import run
    except KeyboardInterrupt:
        sys.exit(130)  # interrupted before there was anything to interrupt
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
