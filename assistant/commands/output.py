"""How commands print: text made harmless, JSON exact, errors to standard error."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingest.evidence import FLAGS
from ingest.text import one_line, printable

if TYPE_CHECKING:
    from assistant.answering.answer import Answer, Source
    from ingest.evidence import Evidence

_WIDEST = 100
_EXCERPT = 300
# Passages shown with an abstention; `--json` holds all.
_NEAREST = 3
# Valid inside JSON strings, but not harmless to a terminal: written as \uXXXX instead.
_RISKY_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def example(*commands: str) -> str:
    """The examples at the foot of a command's help, marked so that click does not refill them."""
    return "\b\nExamples:\n" + "\n".join(f"  {command}" for command in commands)


def tolerate_any_streams() -> None:
    """Let a terminal or pipe without Unicode show what it can, and do without a stream that is closed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 — for as long as the program runs
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def given_up() -> bool:
    """Whether standard output takes nothing more (a full disk, say); what waits to be written is then let go of."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def colored() -> bool:
    """Whether standard output is a terminal that wants colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def erasable() -> bool:
    """Whether standard output is a terminal that can take text back: one that knows its size."""
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return False
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns > 0
    except OSError:
        return False


def say(text: str = "", *, end: str = "\n") -> None:
    """A line on standard output, with nothing in it that a terminal would obey."""
    click.echo(printable(text) + end, nl=False)


def heading(text: str) -> None:
    """A line that stands out where colour is wanted."""
    click.echo(click.style(printable(text), bold=True) if colored() else printable(text))


def complain(text: str) -> None:
    """A line on standard error."""
    click.echo(printable(text), err=True)


def put_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """A value as one line of JSON on standard output, exact, and harmless to a terminal."""
    click.echo(_json_line(value, sys.stdout.encoding))


def complain_json(value: Mapping[str, Any]) -> None:
    """A value as one line of JSON on standard error."""
    click.echo(_json_line(value, sys.stderr.encoding), err=True)


def _json_line(value: Mapping[str, Any] | Sequence[Any], encoding: str | None) -> str:
    line = json.dumps(value, ensure_ascii=False, default=str)
    try:
        line.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        line = json.dumps(value, default=str)
    return _RISKY_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


def reference(title: str, known: Evidence, doc_id: str, where: str = "") -> str:
    """Title, what it is as evidence (`ingest.evidence`), where in it, and id on one line; a retraction stands first."""
    rest = known.told("journal", "year", "type", "label")
    told = [*known.told(*FLAGS), title or "(no title)", *rest, where, doc_id]
    return one_line(" · ".join(part for part in told if part))


def put_source(source: Source, where: str, *, excerpt: bool) -> None:
    """A source as `[n]` with its reference, its link and, if asked, the beginning of its passage."""
    lines = [f"[{source.n}] {reference(source.title, source.evidence, source.doc_id, where)}"]
    if source.url:
        lines.append(f"    {one_line(source.url)}")
    if excerpt:
        lines.append(excerpt_of(source.text, indent="    "))
    say("\n".join(lines))


def excerpt_of(text: str, indent: str) -> str:
    """The beginning of a passage, folded to the terminal's width."""
    text = one_line(text)
    shown = text if len(text) <= _EXCERPT else text[:_EXCERPT].rsplit(" ", 1)[0] + " …"
    return textwrap.fill(shown, width(), initial_indent=indent, subsequent_indent=indent)


@contextmanager
def draft() -> Iterator[Callable[[str], None]]:
    """A place on the terminal for text that may yet be struck or withheld: it grows by pieces, and is gone at the end.

    Of a draft taller than the screen the last lines are shown, since what has scrolled away cannot be taken back.
    """
    # Imported here: a pipe has no draft and need not wait for rich.
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console()
    written: list[str] = []

    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(piece: str) -> None:
            written.append(piece)
            columns, rows = console.size
            lines = Text(printable("".join(written))[-columns * rows :]).wrap(console, columns)
            live.update(Text("\n").join(lines[-(rows - 1) :]), refresh=True)

        yield show


def put_answer(answer: Answer) -> None:
    """An answer in plain text with its sources."""
    if answer.mode == "quotes" and answer.status == "answered":
        say("Verbatim quotes from the corpus (no model is configured):\n")
    say(unescaped(answer.text))
    if answer.filter:
        say(f"\nFilter: {one_line(answer.filter)}")
    for warning in answer.warnings:
        say(f"\nNote: {warning}")
    if answer.mode == "generated" and answer.sentences:
        _put_checks(answer)
    shown = answer.cited if answer.status == "answered" else answer.sources[:_NEAREST]
    if shown:
        heading("\nSources" if answer.status == "answered" else "\nNearest passages")
    for source in shown:
        put_source(source, answer.where(source), excerpt=answer.mode == "generated" or answer.status == "abstained")


def _put_checks(answer: Answer) -> None:
    """How many sentences their sources bear out, and which they do not, and why."""
    say("\nChecked against the passages cited: " + ", ".join(f"{n} {verdict}" for verdict, n in answer.tally.items()))
    for sentence in answer.sentences:
        if sentence.verdict not in ("supported", "unchecked"):
            reasons = "; ".join(sentence.reasons)
            say(f"  {sentence.verdict}: “{one_line(sentence.text)}”" + (f" ({one_line(reasons)})" if reasons else ""))
    texts = {source.n: source.text for source in answer.sources}
    for one in answer.disagreements:
        said, otherwise = answer.sentences[one.sentence].text, texts[one.n][slice(*one.span)]
        say(f"  [{one.n}] says otherwise than “{one_line(said)}”: “{one_line(otherwise)}”")


def unescaped(markdown: str) -> str:
    """Markdown text as plain text: the backslashes that kept a quote from being markup are taken out."""
    return re.sub(r"\\([\\`*_{}\[\]<>#|~!&])", r"\1", markdown)


def width() -> int:
    """Columns to fill."""
    return min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns)
