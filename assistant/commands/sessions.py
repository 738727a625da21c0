"""`citewell sessions`: what was asked before: listed, shown, searched, written out, deleted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assistant.commands import output
from assistant.commands.options import Loaded, with_settings
from assistant.records.sessions import SessionStore
from assistant.records.transcript import FORMS, Form, export, form_of, render
from ingest.text import one_line

if TYPE_CHECKING:
    from assistant.records.session_search import Match
    from assistant.records.sessions import SessionSummary
    from configs.errors import CitewellError

_SOME_REJECTED = 3


@click.group(
    epilog=output.example(
        "citewell sessions list", "citewell sessions search metformin", "citewell sessions show latest"
    )
)
def sessions() -> None:
    """List, show, search, export and delete saved sessions.

    An ID may be shortened to its beginning, as long as no other begins so; `latest` is the last one answered in.
    """


@sessions.command("list", epilog=output.example("citewell sessions list --json"))
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@with_settings
def list_(*, as_json: bool, loaded: Loaded) -> None:
    """All sessions, the latest first."""
    summaries = store_of(loaded).list()
    if as_json:
        output.put_json([_summary_json(summary) for summary in summaries])
        return
    if not summaries:
        output.say("There is no session yet. The chat saves each of its answers.")
    for one in summaries:
        turns = "1 answer" if one.turns == 1 else f"{one.turns} answers"
        output.say(f"{one.id}  {one.updated:%Y-%m-%d %H:%M}  {turns:>11}  {_size(one.bytes):>9}  {one_line(one.title)}")


@sessions.command(epilog=output.example("citewell sessions show latest", "citewell sessions show 20261121-0930 --json"))
@click.argument("session_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="The JSON transcript, on one line.")
@with_settings
def show(session_id: str, *, as_json: bool, loaded: Loaded) -> None:
    """The questions and answers of one session, with their sources."""
    store = store_of(loaded)
    session = store.load(store.find(session_id))
    if session.damaged:
        output.complain(
            f"{session.id}: lines {', '.join(map(str, session.damaged))} cannot be read; they are missing here"
        )
    if as_json:
        from assistant.records.as_json import document

        output.put_json(document(session))
        return
    for number, answer in enumerate(session.answers, 1):
        output.heading(f"{'' if number == 1 else chr(10)}Question {number}: {one_line(answer.question)}\n")
        output.put_answer(answer)


@sessions.command(epilog=output.example("citewell sessions search metformin kidney"))
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many matches.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@with_settings
def search(words: tuple[str, ...], *, limit: int, as_json: bool, loaded: Loaded) -> int:
    """Answers that speak of all WORDS: in the question, the answer or its sources; the latest first."""
    from itertools import islice

    from assistant.records import session_search

    damaged: list[CitewellError] = []
    matches = list(islice(session_search.search(store_of(loaded), " ".join(words), damaged.append), limit))
    for error in damaged:
        output.complain(f"{error.where}: {error.what}")
    if as_json:
        output.put_json([_match_json(match) for match in matches])
    elif not matches:
        output.say("No session speaks of that.")
    for match in matches if not as_json else []:
        output.heading(f"{match.session}  answer {match.turn}: {match.question}")
        output.say(f"    {match.place}: {match.snippet}")
    return _SOME_REJECTED if damaged else 0


@sessions.command("export", epilog=output.example("citewell sessions export latest report.html"))
@click.argument("session_id", metavar="ID")
@click.argument("file", default="-", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMS), help="Which form; else the file's suffix decides.")
@click.option("--force", is_flag=True, help="Take the place of a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Tell what was written as one line of JSON.")
@with_settings
def export_(session_id: str, file: Path, *, form: Form | None, force: bool, as_json: bool, loaded: Loaded) -> None:
    """Write a session to FILE: a transcript (.md, .json, .html) or what it cites (.bib, .ris, .csl.json).

    Without FILE, or with -, it goes to standard output; --format then says in which form (else Markdown).
    """
    store = store_of(loaded)
    session = store.load(store.find(session_id))
    if str(file) == "-":
        click.echo(render(session, form or "md"), nl=False)
        return
    written = export(session, file, form, force=force)
    told = {"file": str(written), "format": form or form_of(file), "bytes": written.stat().st_size}
    if as_json:
        output.put_json(told)
    else:
        output.say(f"Saved to {written}")


@sessions.command(epilog=output.example("citewell sessions delete 20261121-0930 --yes"))
@click.argument("session_ids", nargs=-1, required=True, metavar="ID...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@with_settings
def delete(session_ids: tuple[str, ...], *, yes: bool, as_json: bool, loaded: Loaded) -> None:
    """Delete sessions for good."""
    store = store_of(loaded)
    known = {summary.id: summary for summary in store.list()}
    found = list(dict.fromkeys(store.find(session_id) for session_id in session_ids))
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Nobody is there to confirm; say --yes.")
        for session_id in found:
            output.complain(f"{session_id}  {one_line(known[session_id].title) if session_id in known else ''}")
        click.confirm(
            f"Delete {'this session' if len(found) == 1 else f'these {len(found)} sessions'} for good?", abort=True
        )
    for session_id in found:
        store.delete(session_id)
    if as_json:
        output.put_json({"deleted": found})
    else:
        output.say("\n".join(f"Deleted {session_id}." for session_id in found))


def store_of(loaded: Loaded) -> SessionStore:
    """The sessions of these settings."""
    return SessionStore(loaded.settings.data_dir / "sessions")


def _summary_json(one: SessionSummary) -> dict[str, Any]:
    return {
        "id": one.id,
        "created": one.created.isoformat(),
        "updated": one.updated.isoformat(),
        "title": one.title,
        "answers": one.turns,
        "bytes": one.bytes,
        "readable": one.readable,
    }


def _match_json(match: Match) -> dict[str, Any]:
    return {
        "session": match.session,
        "updated": match.updated.isoformat(),
        "answer": match.turn,
        "question": match.question,
        "place": match.place,
        "snippet": match.snippet,
    }


def _size(count: int) -> str:
    return f"{count} B" if count < 1024 else f"{count / 1024:.1f} KiB" if count < 2**20 else f"{count / 2**20:.1f} MiB"
