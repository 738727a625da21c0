"""Sessions, answers and sources in words, as every form of a transcript says them. Plain text, not yet escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from assistant import __version__
from assistant.answering.provenance import without_path
from ingest.evidence import FLAGS
from ingest.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from assistant.answering.answer import Answer, Source
    from assistant.records.sessions import Session

NOTICE = "This is not medical advice. An answer can be wrong or incomplete: check each sentence against the passage it cites."
# Shown first and in this order; the rest of a document's metadata follows.
_FIRST = ("journal", "year", "type")
_LONGEST_VALUE = 300


def head(session: Session) -> Iterator[tuple[str, str]]:
    """What is said of a session as a whole."""
    yield "Title", one_line(session.title)
    yield "Session", session.id
    yield "Begun", _time(session.created)
    yield "Last answer", _time(session.updated)
    yield "Written by", f"citewell {__version__}"
    if session.damaged:
        lines = ", ".join(map(str, session.damaged))
        yield "Missing", f"what stood on these lines of the session's file, which cannot be read: {lines}"


def origin(answer: Answer) -> Iterator[tuple[str, str]]:
    """How an answer was made."""
    yield "Status", answer.status
    if answer.standalone:
        yield "Searched for", one_line(answer.standalone)
    written = answer.mode == "generated" and answer.model
    yield "Written by", one_line(without_path(answer.model or "")) if written else "no model: verbatim quotes"
    if answer.prompt_hash:
        yield "Prompt", one_line(answer.prompt_hash)
    if answer.verifier:
        yield (
            "Second opinions by",
            one_line(f"{without_path(answer.verifier.model)}, prompt {answer.verifier.prompt_hash}"),
        )
    if answer.filter:
        yield "Searched only", one_line(answer.filter)
    yield "Index", one_line(f"{answer.index}, id {answer.index_id}")
    yield "Took", f"{answer.seconds:.2f} s"


def settings(answer: Answer) -> Iterator[tuple[str, str]]:
    """The settings that shaped an answer, a section a line."""
    for section, values in answer.settings.items():
        if isinstance(values, dict):
            told = ", ".join(f"{key} = {value}" for key, value in values.items() if value is not None)
        else:
            told = str(values)
        if told:
            yield one_line(section), one_line(told)


def source(source: Source) -> Iterator[tuple[str, str]]:
    """Where a source stands, and what it scored."""
    if flags := ", ".join(source.evidence.told(*FLAGS)):
        yield "Beware", flags
    if labels := ", ".join(source.evidence.told("label")):
        yield "Labelled", labels
    yield "Document", one_line(source.doc_id)
    if where := source.where():
        yield "Place", one_line(where)
    yield "Passage", f"{source.passage}, characters {source.start} to {source.end} of the document"
    yield "Score", f"{source.score:.6g}"
    yield "Content hash", one_line(source.hash)


def badges(source: Source) -> list[tuple[str, str]]:
    """What weighs a source at a glance, as kind and text: see `ingest.evidence`."""
    return [(kind, _value(text)) for kind, text in source.evidence.badges]


def metadata(source: Source) -> Iterator[tuple[str, str]]:
    """What the document says of itself, name and value, each on one line."""
    known = source.metadata
    names = [*(name for name in _FIRST if name in known), *(name for name in known if name not in (*_FIRST, "url"))]
    for name in names:
        if shown := _value(known[name]):
            yield one_line(name), shown


def web_address(source: Source) -> str | None:
    """Its URL, if a browser may be given it: http or https, with a host and without blanks."""
    url = one_line(source.url or "")
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname and " " not in url else None


def _value(value: object) -> str:
    if value is None:
        return ""
    shown = one_line(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
    return shown if len(shown) <= _LONGEST_VALUE else shown[:_LONGEST_VALUE] + "…"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
