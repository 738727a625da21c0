"""The command group, loaded lazily, and the one place where errors become text and exit statuses.

0 done · 1 failed · 2 wrong usage · 3 done with some input rejected · 130 interrupted
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import cast

import click

from assistant import __version__
from assistant.commands import output
from configs.errors import CitewellError

WRONG_USAGE = 2
INTERRUPTED = 130

# Command → module of assistant.commands that defines it under the same name.
COMMANDS = {
    "ask": "ask",
    "chat": "chat",
    "check": "check",
    "classify": "classify",
    "config": "config",
    "demo": "chat",
    "doctor": "doctor",
    "eval": "eval",
    "index": "index",
    "ingest": "ingest",
    "plan": "plan",
    "search": "search",
    "serve": "serve",
    "sessions": "sessions",
    "terms": "terms",
    "transcript": "transcript",
}
_NOT_CHAT = ("--help", "-h", "--version")


class LazyGroup(click.Group):
    """Imports a command's module when it is called or its help is shown, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"assistant.commands.{COMMANDS[cmd_name]}")
        return cast("click.Command", getattr(module, cmd_name))


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=output.example("citewell demo")
)
@click.version_option(__version__, prog_name="citewell", message="%(prog)s %(version)s")
def root() -> None:
    """Ask a medical corpus a question; get an answer whose every sentence can be checked.

    Without a command, the chat opens. Shell completion: `eval "$(_CITEWELL_COMPLETE=bash_source citewell)"`
    (zsh_source and fish_source too).
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status; no traceback reaches the reader without `--debug`.

    Where whoever reads us has gone (`| head`), click itself leaves quietly, with status 1.
    """
    given = list(arguments)
    debug = "--debug" in given
    while given[:1] == ["--debug"]:
        del given[0]  # it may stand before the command too
    if (not given and "_CITEWELL_COMPLETE" not in os.environ) or (
        given and given[0].startswith("-") and given[0] not in _NOT_CHAT
    ):
        given.insert(0, "chat")
    try:
        output.tolerate_any_streams()
        status = root.main(given, prog_name="citewell", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return 1
    except (KeyboardInterrupt, click.Abort):
        output.complain("Interrupted.")
        return INTERRUPTED
    except CitewellError as error:
        if debug:
            raise
        output.complain(f"citewell: {error}")
        return WRONG_USAGE if error.usage else 1
    except Exception as error:
        if isinstance(error, OSError) and output.given_up():
            output.complain(f"citewell: standard output cannot be written to: {error.strerror}")
            return 1
        if debug:
            raise
        output.complain(
            f"citewell: unexpected {type(error).__name__}: {error}\n  → This is a bug. Run it again with --debug and report what it prints."
        )
        return 1
    return status if isinstance(status, int) else 0
