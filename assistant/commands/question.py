"""The QUESTION argument of ask and search: from the command line, or from standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from configs.errors import InputError

C = TypeVar("C", bound=Callable[..., Any])


def _read(ctx: click.Context, _: click.Parameter, words: tuple[str, ...]) -> str:
    if ctx.resilient_parsing:
        return ""  # completing in a shell: standard input is not ours to read
    if ctx.params.get("file"):
        if words:
            raise click.UsageError("--file brings the questions; there can be no QUESTION beside it.", ctx)
        return ""
    if words and words != ("-",):
        question = " ".join(map(_decoded, words))
    elif sys.stdin.isatty() and not words:
        raise click.UsageError("Missing argument 'QUESTION'.", ctx)
    else:
        try:
            question = sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError:
            raise InputError("the question is not UTF-8", where="standard input", fix="Convert it to UTF-8.") from None
    if not question.strip():
        raise click.UsageError("The question is empty.", ctx)
    return question.strip()


def _decoded(word: str) -> str:
    """A word as it was typed in UTF-8, whatever the locale took its bytes for."""
    try:
        return os.fsencode(word).decode("utf-8")
    except UnicodeDecodeError:
        if not any("\udc80" <= character <= "\udcff" for character in word):
            return word  # typed in the locale's own encoding
    raise InputError("the question is not UTF-8", where="command line", fix="Use a UTF-8 locale.", usage=True)


def question_argument(command: C) -> C:
    """Give a command `question`: its words, or standard input where there are none or a lone `-`."""
    return click.argument("question", nargs=-1, callback=_read, metavar="[QUESTION]")(command)
