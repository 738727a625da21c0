"""The door: `citewell`, `python -m assistant`. Answers `--version` before anything heavy is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit status."""
    if sys.argv[1:] == ["--version"]:
        from assistant import __version__

        sys.stdout.write(f"citewell {__version__}\n")
        return
    from assistant.commands.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
