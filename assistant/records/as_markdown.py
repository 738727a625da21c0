"""A session as Markdown, with all that its answers rest on, to be read and checked without citewell.

All text from documents, models and users goes through `assistant.records.markdown`; headings hold none of it.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from assistant.records import describe, markdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from assistant.answering.answer import Answer, Sentence, Source
    from assistant.records.sessions import Session

# The last line, over everything before it.
_SEAL = re.compile(r"\n\nSHA-256 of all above: ([0-9a-f]{64})\n\Z")


def to_markdown(session: Session) -> str:
    """Write out a session: questions, answers, what each sentence cites, and every source with its whole passage."""
    parts = ["# Transcript", describe.NOTICE, _items(describe.head(session))]
    for number, answer in enumerate(session.answers, 1):
        parts += _turn(number, answer)
    text = "\n\n".join(parts)
    return f"{text}\n\nSHA-256 of all above: {_hash(text)}\n"


def untouched(text: str) -> bool | None:
    """Whether a transcript is as it was written, by the hash in its last line; None where it has none."""
    seal = _SEAL.search(text)
    return None if seal is None else seal[1] == _hash(text[: seal.start()])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _turn(number: int, answer: Answer) -> Iterator[str]:
    yield f"## Question {number}"
    yield markdown.quote(answer.question)
    yield f"### Answer {number}"
    if answer.emergency:
        yield f"**{markdown.line(answer.emergency)}**"
    yield markdown.prose(answer.text)
    if answer.warnings:
        yield "### Warnings"
        yield "\n".join(f"- {markdown.line(warning)}" for warning in answer.warnings)
    if answer.sentences:
        yield "### Each sentence and what it cites"
        yield "\n".join(f"{n}. {_sentence(sentence, answer)}" for n, sentence in enumerate(answer.sentences, 1))
    if answer.withheld:
        yield "### Withheld, because the sources do not bear it out"
        yield "\n".join(f"- {_sentence(sentence, answer)}" for sentence in answer.withheld)
    if answer.disagreements:
        yield "### Sources that say otherwise"
        yield "\n".join(_disagreements(answer))
    yield "### How it was made"
    yield _items(describe.origin(answer))
    if answer.settings:
        yield "\n".join(f"- {markdown.line(f'{section}: {told}')}" for section, told in describe.settings(answer))
    if answer.sources:
        yield "### Sources" if answer.status == "answered" else "### Nearest passages"
    for source in answer.sources:
        yield from _source(source)


def _sentence(sentence: Sentence, answer: Answer) -> str:
    cited = " ".join(_cited(n, sentence, answer) for n in sentence.citations) or "cites nothing"
    unknown = ", ".join(f"[{n}]" for n in sentence.unknown)
    parts = [f"{markdown.line(sentence.text)} — {cited}"]
    parts += [f"also named {unknown}, which is no source"] if unknown else []
    by = " (by the verifying model)" if sentence.judged_by == "model" else ""
    return "; ".join([*parts, sentence.verdict + by, *map(markdown.line, dict.fromkeys(sentence.reasons))])


def _cited(n: int, sentence: Sentence, answer: Answer) -> str:
    """“[1] (Results, p. 4)”: a citation, and where in its source what bears the sentence out stands."""
    source = next((source for source in answer.sources if source.n == n), None)
    spans = [check.support.span for check in sentence.checks if check.n == n and check.support.span]
    where = source.where(*spans) if source else ""
    return f"[{n}] ({markdown.line(where)})" if where else f"[{n}]"


def _disagreements(answer: Answer) -> Iterator[str]:
    texts = {source.n: source.text for source in answer.sources}
    for one in answer.disagreements:
        quote = markdown.line(texts.get(one.n, "")[slice(*one.span)])
        yield f"- [{one.n}] against sentence {one.sentence + 1}: “{quote}”"


def _source(source: Source) -> Iterator[str]:
    """A source's heading, its facts, and its passage whole.

    What the document says of itself is not in bold, so that it cannot pass for what citewell says of it.
    """
    yield f"#### Source [{source.n}]"
    facts = ("Title", source.title or "(none)"), *describe.source(source)
    address = describe.web_address(source)
    rows = [f"- **{name}:** {markdown.line(value)}" for name, value in facts]
    rows += [f"- **Address:** {markdown.url(address)}"] if address else []
    rows += [f"- {markdown.line(f'{name}: {value}')}" for name, value in describe.metadata(source)]
    yield "\n".join(rows)
    yield markdown.quote(source.text)


def _items(pairs: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- **{name}:** {markdown.line(value)}" for name, value in pairs)
