"""Transcripts: a session as Markdown or JSON with all that its answers rest on, to be checked without citewell.

All text from documents, models and users goes through `assistant.records.markdown`; headings hold none of it.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from assistant import __version__
from assistant.records import markdown
from configs.errors import InputError
from ingest.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from assistant.answering.answer import Answer, Sentence, Source
    from assistant.records.sessions import Session

FORMAT = 1
NOTICE = "This is not medical advice. An answer can be wrong or incomplete: check each sentence against the passage it cites."
# Shown first and in this order; the rest of a document's metadata follows.
_FIRST = ("journal", "year", "type")
_LONGEST_VALUE = 300
# What JSON leaves as it is, but a terminal or an editor would obey.
_UNSAFE = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def to_markdown(session: Session) -> str:
    """Write out a session: questions, answers, what each sentence cites, and every source with its whole passage."""
    parts = ["# Transcript", NOTICE, _items(_head(session))]
    for number, answer in enumerate(session.answers, 1):
        parts += _turn(number, answer)
    return "\n\n".join(parts) + "\n"


def to_json(session: Session) -> str:
    """Write out a session as JSON; `Answer.from_json` reads its `answers` back."""
    about = {
        "id": session.id,
        "created": session.created.isoformat(),
        "updated": session.updated.isoformat(),
        "title": session.title,
        "damaged": list(session.damaged),
    }
    whole = {
        "citewell_transcript": FORMAT,
        "session": about,
        "answers": [answer.to_json() for answer in session.answers],
    }
    text = json.dumps(whole, ensure_ascii=False, indent=2)
    # Outside of its strings JSON has only ASCII, so this changes how a string is written and not what it says.
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def export(session: Session, path: Path) -> Path:
    """Write a transcript, Markdown (.md, .markdown) or JSON (.json) by its suffix; whole or not at all.

    Raises:
        InputError: another suffix, a file that is there already, no such folder, or one that cannot be written.
    """
    writers = {".md": to_markdown, ".markdown": to_markdown, ".json": to_json}
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise InputError(
            "a transcript is Markdown or JSON", where=str(path), fix="Name a file that ends in .md or .json."
        )
    try:
        if not path.parent.is_dir():
            raise InputError("there is no such folder", where=str(path.parent), fix="Make it first, or name another.")
        _write_new(path, writer(session))
    except FileExistsError:
        raise InputError(
            "exists already and is not overwritten", where=str(path), fix="Name another file, or remove this one."
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise InputError(
            f"the transcript could not be written: {getattr(error, 'strerror', error)}", where=str(path)
        ) from error
    return path


def _head(session: Session) -> Iterator[tuple[str, str]]:
    yield "Title", markdown.line(session.title)
    yield "Session", markdown.line(session.id)
    yield "Begun", _time(session.created)
    yield "Last answer", _time(session.updated)
    yield "Written by", f"citewell {__version__}"
    if session.damaged:
        lines = ", ".join(map(str, session.damaged))
        yield "Missing", f"what stood on these lines of the session's file, which cannot be read: {lines}"


def _turn(number: int, answer: Answer) -> Iterator[str]:
    yield f"## Question {number}"
    yield markdown.quote(answer.question)
    yield f"### Answer {number}"
    yield markdown.prose(answer.text)
    if answer.warnings:
        yield "### Warnings"
        yield "\n".join(f"- {markdown.line(warning)}" for warning in answer.warnings)
    if answer.sentences:
        yield "### Each sentence and what it cites"
        yield "\n".join(f"{n}. {_sentence(sentence)}" for n, sentence in enumerate(answer.sentences, 1))
    yield "### How it was made"
    yield _items(_origin(answer))
    if answer.sources:
        yield "### Sources" if answer.status == "answered" else "### Nearest passages"
    for source in answer.sources:
        yield f"#### Source [{source.n}]"
        yield "\n".join([_items(_source(source)), *(f"- {row}" for row in _metadata(source))])
        yield markdown.quote(source.text)


def _sentence(sentence: Sentence) -> str:
    cited = " ".join(f"[{n}]" for n in sentence.citations) or "cites nothing"
    unknown = ", ".join(f"[{n}]" for n in sentence.unknown)
    parts = [f"{markdown.line(sentence.text)} — {cited}"]
    parts += [f"also named {unknown}, which is no source"] if unknown else []
    reasons = [reason.text for reason in sentence.decisive.support.reasons] if sentence.decisive else []
    return "; ".join([*parts, sentence.verdict, *map(markdown.line, reasons)])


def _origin(answer: Answer) -> Iterator[tuple[str, str]]:
    yield "Status", answer.status
    if answer.standalone:
        yield "Searched for", markdown.line(answer.standalone)
    yield (
        "Written by",
        markdown.line(answer.model) if answer.mode == "generated" and answer.model else "no model: verbatim quotes",
    )
    if answer.prompt_hash:
        yield "Prompt", markdown.line(answer.prompt_hash)
    yield "Index", f"{markdown.line(answer.index)}, id {markdown.line(answer.index_id)}"
    yield "Took", f"{answer.seconds:.2f} s"


def _source(source: Source) -> Iterator[tuple[str, str]]:
    yield "Title", markdown.line(source.title) or "(none)"
    yield "Document", markdown.line(source.doc_id)
    yield "Passage", f"{source.passage}, characters {source.start} to {source.end} of the document"
    if source.url:
        yield "Address", markdown.url(source.url)
    yield "Score", f"{source.score:.6g}"
    yield "Content hash", markdown.line(source.hash)


def _metadata(source: Source) -> Iterator[str]:
    """What the document says of itself: not in bold, so that it cannot pass for what citewell says of it."""
    known = source.metadata
    for name in [
        *(name for name in _FIRST if name in known),
        *(name for name in known if name not in (*_FIRST, "url")),
    ]:
        value = known[name]
        shown = one_line(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
        if shown and value is not None:
            yield markdown.line(f"{name}: {shown if len(shown) <= _LONGEST_VALUE else shown[:_LONGEST_VALUE] + '…'}")


def _items(pairs: Iterator[tuple[str, str]]) -> str:
    return "\n".join(f"- **{name}:** {value}" for name, value in pairs)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _write_new(path: Path, text: str) -> None:
    """Make a file of mode 600 appear whole under a name that is free, or FileExistsError."""
    if os.path.lexists(path):
        raise FileExistsError
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".citewell-", suffix=".part")  # mode 600
    partial = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(partial)  # unlike a renaming, this cannot replace what is there
        except FileExistsError:
            raise
        except OSError:  # no hard links here: a memory stick, say
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
