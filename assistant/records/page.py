"""What the HTML page of a session shows: answers cut into the pieces that its template lays out. Text only, no HTML."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from assistant.answering.findings import SIGNS
from assistant.records import describe, prose, references

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assistant.answering.answer import Answer, Sentence, Source
    from assistant.records.sessions import Session


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a passage, whole or marked as bearing on some sentences (their numbers, from 1)."""

    text: str
    sentences: tuple[int, ...] = ()
    verdict: str = ""
    begins: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()


def of(session: Session) -> dict[str, Any]:
    """The page's parts, as `transcript.html.jinja` names them."""
    return {
        "title": session.title or "Transcript",
        "head": list(describe.head(session)),
        "notice": describe.NOTICE,
        "turns": [_turn(number, answer) for number, answer in enumerate(session.answers, 1)],
    }


def _turn(number: int, answer: Answer) -> dict[str, Any]:
    cited, known = {source.n for source in answer.cited}, {source.n for source in answer.sources}
    sources = [_source(number, source, answer) for source in answer.sources]
    return {
        "id": f"a{number}",
        "number": number,
        "answer": answer,
        "lang": "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in answer.question) else None,
        "text": prose.to_html(
            answer.text,
            answer.sentences,
            lambda n: _link(f"a{number}-s{n}", f"[{n}]", "cite") if n in known else None,
            lambda n: _mark_of(number, n + 1, answer.sentences[n]) if answer.sentences[n].checks else Markup(),
        ),
        "sentences": [_sentence(answer, number, n, sentence) for n, sentence in enumerate(answer.sentences, 1)],
        "withheld": [_sentence(answer, number, 0, sentence) for sentence in answer.withheld],
        "disagreements": [
            {"sentence": one.sentence + 1, "n": one.n, "quote": text[slice(*one.span)]}
            for one in answer.disagreements
            if (text := next((source.text for source in answer.sources if source.n == one.n), None))
        ],
        "tally": [(verdict, SIGNS[verdict], count) for verdict, count in answer.tally.items()],
        "meter": [sentence.verdict for sentence in answer.sentences],
        "cited": [source for source in sources if source["n"] in cited],
        "others": [source for source in sources if source["n"] not in cited],
        "made": list(describe.origin(answer)),
        "settings": list(describe.settings(answer)),
    }


def _sentence(answer: Answer, turn: int, number: int, sentence: Sentence) -> dict[str, Any]:
    marked = {n for n, *_ in _spans(sentence)}
    return {
        "number": number,
        # A quote is a document's own words, in which nothing is Markdown.
        "text": sentence.text if answer.mode == "quotes" else prose.line_to_html(sentence.text),
        "verdict": sentence.verdict,
        "sign": SIGNS[sentence.verdict],
        "judged_by": sentence.judged_by,
        "reasons": list(dict.fromkeys(sentence.reasons)),
        "unknown": sentence.unknown,
        "citations": [(n, f"a{turn}-s{n}" + (f"-q{number}" if n in marked else "")) for n in sentence.citations],
    }


def _source(turn: int, source: Source, answer: Answer) -> dict[str, Any]:
    reference = references.of(source)
    return {
        "n": source.n,
        "id": f"a{turn}-s{source.n}",
        "title": reference.title,
        "badges": [*describe.badges(source), *([("where", where)] if (where := answer.where(source)) else [])],
        "reference": references.line(reference, answer.where(source)),
        "url": describe.web_address(source),
        "pieces": list(_pieces(source, answer.sentences)),
        "facts": list(describe.source(source)),
        "metadata": list(describe.metadata(source)),
    }


def _spans(sentence: Sentence) -> Iterator[tuple[int, int, int, str]]:
    """Source, begin, end and verdict of each stretch of a passage that a finding on a sentence points to."""
    for check in sentence.checks:
        if check.n is not None and check.support.span:
            yield check.n, *check.support.span, check.support.verdict
    if (said := sentence.opinion) and said.n is not None and said.span:
        yield said.n, *said.span, said.verdict


def _pieces(source: Source, sentences: Sequence[Sentence]) -> Iterator[Piece]:
    spans = [
        (start, min(end, len(source.text)), number, verdict)
        for number, sentence in enumerate(sentences, 1)
        for n, start, end, verdict in _spans(sentence)
        if n == source.n and 0 <= start < end
    ]
    edges = sorted({0, len(source.text), *(edge for start, end, *_ in spans for edge in (start, end))})
    first = {number: min(start for start, _, n, _ in spans if n == number) for _, _, number, _ in spans}
    last = {number: max(end for _, end, n, _ in spans if n == number) for _, _, number, _ in spans}
    for start, end in pairwise(edges):
        here = [span for span in spans if span[0] <= start and end <= span[1]]
        yield Piece(
            source.text[start:end],
            tuple(dict.fromkeys(number for _, _, number, _ in here)),
            here[0][3] if here else "",
            tuple(number for number, begin in first.items() if begin == start),
            tuple(number for number, stop in last.items() if stop == end),
        )


def _link(target: str, text: str, kind: str) -> Markup:
    return Markup('<a class="{}" href="#{}">{}</a>').format(kind, target, text)


def _mark_of(turn: int, number: int, sentence: Sentence) -> Markup:
    sign = Markup('<span aria-hidden="true">{}</span>').format(SIGNS[sentence.verdict])
    return Markup('<a class="mark v-{0}" href="#a{1}-q{2}" title="{0}">{3}</a>').format(
        sentence.verdict, turn, number, sign
    )
