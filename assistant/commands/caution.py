"""What stands before an answer in the terminal: the line for whoever is in danger, and the question before a name is sent."""

from __future__ import annotations

import sys

import click

from assistant.answering.safety import privacy
from assistant.commands import output
from configs.settings import Settings


def before_sending(question: str, settings: Settings) -> None:
    """Where a question seems to name a patient and would leave this machine: ask a terminal, tell a pipe.

    Raises:
        click.Abort: the answer was no.
        PrivacyBlocked: the settings forbid it.
    """
    if (concern := privacy.checked(question, settings)) is None:
        return
    said = f"{str(concern)[:1].upper()}{str(concern)[1:]}."
    if sys.stdin.isatty() and sys.stderr.isatty():
        click.confirm(f"{said} Send it?", abort=True, err=True)
    else:
        output.complain(f"Warning: {said}")


def put_emergency(line: str, *, as_json: bool) -> None:
    """The line before all else: on standard output, or beside JSON, which holds it too, on standard error."""
    if as_json:
        output.complain(line)
    else:
        output.heading(f"{line}\n")
