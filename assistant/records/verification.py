"""Is a transcript still what was written, and does it hold together? Checked without the index, a model or the network.

What anyone can do to a file is found by its hash; what somebody did who also made the hash anew is found by what must
follow from the rest: quotes stand where their spans say, citations have sources, verdicts come out again, and a passage
that is a whole document gives the document's own content hash.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from assistant import __version__
from assistant.records import as_json
from configs.errors import InputError
from ingest.documents import Document
from ingest.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from assistant.answering.answer import Answer, Sentence, Source
    from assistant.records.sessions import Session

Level: TypeAlias = Literal["failed", "changed", "note"]
# A marker in an answer's text; a document's own brackets are escaped there.
_MARKER = re.compile(r"(?<!\\)\[(\d{1,3})\](?!\()")
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be: `failed` (edited or false), `changed` (since it was written) or a `note`."""

    level: Level
    where: str
    what: str


@dataclass(slots=True)
class Report:
    """What a verification looked at, and what it found."""

    form: str
    session: Session | None = None
    """As the transcript holds it; None where that cannot be read, and of Markdown."""
    version: str = ""
    """Of the citewell that wrote it."""
    quotes: int = 0
    """Spans whose words were compared with their passage, and verbatim quotes."""
    verdicts: int = 0
    """Sentences checked again."""
    whole: int = 0
    """Passages that are a whole document, with the content hash to prove it."""
    passages: int = 0
    findings: list[Finding] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    """Where an index was there: each source's state in it."""

    def add(self, level: Level, where: str, what: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(level, where, what))

    @property
    def status(self) -> Literal["verified", "changed", "failed"]:
        """The gravest thing found."""
        levels = {finding.level for finding in self.findings}
        return "failed" if "failed" in levels else "changed" if "changed" in levels else "verified"


def verify(path: Path) -> Report:
    """Check a transcript: JSON and HTML in all respects, of Markdown only whether it was edited.

    Raises:
        InputError: it cannot be read, or is no transcript.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (UnicodeDecodeError, ValueError):
        raise InputError("is no transcript: it is not UTF-8", where=str(path)) from None
    if text.startswith("# Transcript"):
        return _markdown(text)
    page = re.match(r"\s*<!doctype html>", text, re.IGNORECASE) is not None
    report = Report("html" if page else "json")
    transcript = _data(text, page=page)
    if transcript is None or "citewell_transcript" not in transcript:
        raise InputError(
            "is no transcript, or damaged beyond reading", where=str(path), fix="Export it again as .json or .html."
        )
    if transcript["citewell_transcript"] != as_json.FORMAT:
        other = transcript["citewell_transcript"]
        raise InputError(f"is a transcript of format {other!r}, which this citewell cannot check", where=str(path))
    _whole(transcript, report)
    if page:
        _page(text, transcript, report)
    return report


def _data(text: str, *, page: bool) -> dict[str, Any] | None:
    if page:
        from assistant.records import as_html

        return as_html.data_of(text)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _markdown(text: str) -> Report:
    from assistant.records.as_markdown import untouched

    report, intact = Report("md"), untouched(text)
    if intact is None:
        report.add("failed", "end", "the line with the hash of the text is missing")
    elif not intact:
        report.add("failed", "text", "was edited: its hash is not the one in its last line")
    report.add("note", "text", "of Markdown only this can be checked; export .json or .html for the rest")
    return report


def _page(text: str, transcript: dict[str, Any], report: Report) -> None:
    """Whether the page shows what its data says."""
    from assistant.records import as_html

    if not as_html.untouched(text):
        report.add("failed", "page", "was edited: its hash is not the one in its head")
    elif (
        report.session
        and report.version == __version__
        and report.status != "failed"
        and text != as_html.to_html(report.session)
    ):
        report.add("failed", "page", "shows something else than the transcript inside it says")


def _whole(transcript: dict[str, Any], report: Report) -> None:
    report.version = str(transcript.get("citewell", ""))
    if transcript.get("sha256") != as_json.content_hash(transcript):
        report.add("failed", "transcript", "was edited: its content hash is not the one it names")
    try:
        session = as_json.session_of(transcript)
        for number, answer in enumerate(session.answers, 1):
            _typed(answer)
            again = json.loads(json.dumps(as_json.answer_json(answer), default=str))
            for name in sorted(_differing(transcript["answers"][number - 1], again)):
                report.add("failed", f"answer {number}, {name}", "does not follow from the rest of the answer")
            _answer(answer, f"answer {number}", report)
    except _UNREADABLE as error:
        report.add("failed", "transcript", f"cannot be read: {type(error).__name__}: {one_line(str(error))}")
    else:
        report.session = session


def _typed(answer: Answer) -> None:
    """TypeError where a stranger's transcript has something else where texts and numbers belong."""
    texts: list[object] = [answer.question, answer.text, answer.index, answer.index_id]
    for source in answer.sources:
        texts += [source.doc_id, source.title, source.text, source.hash]
        if not all(isinstance(number, int) for number in (source.n, source.passage, source.start, source.end)):
            raise TypeError("a source's place is no number")
        texts += source.labels.values()
        if not isinstance(source.metadata, dict):
            raise TypeError("a source's metadata is no object")
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is missing")


def _differing(stored: Any, derived: Any, name: str = "") -> Iterator[str]:
    """The paths at which what is stored is not what writing the same answer again gives."""
    if isinstance(stored, dict) and isinstance(derived, dict):
        for key in stored:
            yield from _differing(stored[key], derived.get(key), f"{name}.{key}" if name else str(key))
    elif isinstance(stored, list) and isinstance(derived, (list, tuple)) and len(stored) == len(derived):
        for number, (one, other) in enumerate(zip(stored, derived, strict=True), 1):
            yield from _differing(one, other, f"{name} {number}")
    elif stored != derived:
        yield name


def _answer(answer: Answer, where: str, report: Report) -> None:
    sources = {source.n: source for source in answer.sources}
    if answer.sentences:
        for n in sorted({int(n) for n in _MARKER.findall(answer.text)} - set(sources)):
            report.add("failed", where, f"cites [{n}], which is no source")
    for number, sentence in enumerate((*answer.sentences, *answer.withheld), 1):
        _sentence(answer, sentence, sources, f"{where}, sentence {number}", report)
    for one in answer.disagreements:
        text = sources[one.n].text if one.n in sources else ""
        if not (0 <= one.span[0] < one.span[1] <= len(text) and 0 <= one.sentence < len(answer.sentences)):
            report.add(
                "failed", where, f"a disagreement points to characters or a sentence that source {one.n} has not"
            )
    for source in answer.sources:
        _source(source, f"{where}, source {source.n}", report)
    _verdicts(answer, where, report)


def _sentence(answer: Answer, sentence: Sentence, sources: dict[int, Source], where: str, report: Report) -> None:
    for n in sentence.citations:
        if n not in sources:
            report.add("failed", where, f"cites [{n}], which is no source")
        elif answer.mode == "quotes":
            report.quotes += 1
            if sentence.text not in sources[n].text:
                report.add("failed", where, f"is no verbatim quote of source {n}")
    spans = [(check.n, check.support.span) for check in sentence.checks]
    spans += [(sentence.opinion.n, sentence.opinion.span)] if sentence.opinion else []
    for cited, span in spans:
        if span is None or cited is None:
            continue
        report.quotes += 1
        if cited not in sources or not 0 <= span[0] < span[1] <= len(sources[cited].text):
            report.add(
                "failed", where, f"points to characters {span[0]} to {span[1]} of source {cited}, which has none there"
            )


def _source(source: Source, where: str, report: Report) -> None:
    report.passages += 1
    if source.end - source.start != len(source.text):
        report.add("failed", where, "is not as long as its place in the document says")
    if source.start == 0:
        document = Document(source.doc_id, source.title, source.text, source.metadata)
        report.whole += document.hash == source.hash


def _verdicts(answer: Answer, where: str, report: Report) -> None:
    """Check every sentence again; today's checker may be better than the one that wrote, but then the version differs."""
    from assistant.answering.checking import checked

    known = {source.n for source in answer.sources}
    for number, sentence in enumerate((*answer.sentences, *answer.withheld), 1):
        if not sentence.checks or not known.issuperset(sentence.citations):
            continue
        report.verdicts += 1
        (again,) = checked((sentence,), answer.sources)
        before, now = sentence.decisive, again.decisive
        if before and now and before.support.verdict != now.support.verdict:
            same = report.version == __version__
            what = f"was found {before.support.verdict}, and is {now.support.verdict} when it is checked again"
            report.add("failed" if same else "changed", f"{where}, sentence {number}", what)
