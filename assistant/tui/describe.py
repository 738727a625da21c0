"""Answers and sources in words: what the screen, the status line and the clipboard say of them. Plain functions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ingest.evidence import FLAGS
from ingest.text import one_line

if TYPE_CHECKING:
    from assistant.answering.answer import Answer, Sentence, Source
    from assistant.answering.found import Found

_SHOWN = {"year", "url", "journal", "source", "publisher", "type", *FLAGS}
_LONGEST_VALUE = 300
_LONGEST_QUOTE = 60
# What opens and closes as Markdown has it: stars and backticks anywhere, underscores only around whole words.
_EMPHASIS = re.compile(r"(\*{1,3}|`+|(?<!\w)_{1,3})(?=[^\s*_`])(.+?)(?<=\S)\1(?!(?<=_)\w)")
STOPPED = "Stopped before its end: incomplete and unchecked."
"""The warning by which an answer that the reader stopped is known, on screen and in its session."""

ALONE = "Searched for this question alone: without a model, follow-ups are not linked to what came before."
"""The note under a session's first follow-up that no model could rewrite."""


def title(source: Source) -> str:
    """Its title on one line, or its id where it has none."""
    return one_line(source.title) or one_line(source.doc_id)


def web_address(source: Source) -> str | None:
    """Its URL, if that is one a browser may be given: http or https, with a host and without blanks."""
    url = one_line(source.url or "")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    return url if usable and " " not in url else None


def flags(source: Source) -> str:
    """What a reader must know of it before anything else: retracted, doubted or corrected; mostly empty."""
    return " · ".join(text for kind, text in source.evidence.badges if kind in FLAGS)


def byline(source: Source) -> str:
    """When and where it appeared and what kind of evidence it is, as far as known."""
    badges = dict(source.evidence.badges)
    return " · ".join(_cut(badges[kind], _LONGEST_VALUE) for kind in ("year", "journal", "type") if kind in badges)


def provenance(source: Source) -> str:
    """Score, document id and which characters of the document the passage is."""
    return f"score {source.score:.3g} · {one_line(source.doc_id)} · characters {source.start}–{source.end}"


def further(source: Source) -> list[tuple[str, str]]:
    """The rest of its metadata, as name and value, each on one line."""
    names = [name for name in source.metadata if name not in _SHOWN]
    return [(one_line(name), value) for name in names if (value := _value(source, name))]


def reference(source: Source) -> str:
    """One line to cite it by: title, where and when, address, id."""
    known = source.evidence
    place = ", ".join(str(part) for part in (known.place, known.year) if part)
    parts = [flags(source), title(source).rstrip("."), place, web_address(source) or "", f"[{one_line(source.doc_id)}]"]
    return ". ".join(part for part in parts if part)


def abstained(answer: Answer) -> bool:
    """Whether the corpus does not answer; a stopped answer cites nothing either, but says nothing about that."""
    return answer.status == "abstained" and STOPPED not in answer.warnings


def summary(answer: Answer) -> str:
    """How far an answer rests on its sources, in a line."""
    if abstained(answer):
        count = len(answer.sources)
        near = f"the {_count(count, 'nearest passage')} in the sources" if count else "no passage came near it"
        return f"Not answered by the corpus · {near}"
    citing = sum(bool(sentence.citations) for sentence in answer.sentences)
    struck = sum(len(sentence.unknown) for sentence in answer.sentences)
    total = len(answer.sentences)
    if answer.mode == "quotes":
        said = f"{_count(citing, 'verbatim quote')} from {_count(len(answer.cited), 'source')}"
    elif any(sentence.checks for sentence in answer.sentences):
        said = f"{_count(total, 'sentence')}: " + " · ".join(f"{n} {verdict}" for verdict, n in answer.tally.items())
    else:
        said = f"{citing} of {_count(total, 'sentence')} {'cites' if citing == 1 else 'cite'} a source"
    return said + (f" · {_count(struck, 'unknown citation')} struck" if struck else "")


def grave(sentence: Sentence) -> bool:
    """Whether its sources contradict it, or do not bear it out at all."""
    return sentence.verdict in ("contradicted", "unsupported")


def doubts(answer: Answer) -> list[tuple[bool, str]]:
    """A line for each sentence that its sources do not bear out, and whether that is grave; the grave ones first.

    The verdict, the sentence's beginning, which is enough to find it again, and the first and sharpest reason.
    """
    lines = []
    for sentence in answer.sentences:
        if sentence.decisive and (grave(sentence) or sentence.verdict == "partly"):
            said = f"{sentence.verdict.capitalize()}: “{_cut(plain(sentence.text), _LONGEST_QUOTE)}”"
            reasons = [f" ({one_line(reason)})" for reason in sentence.reasons[:1]]
            lines.append((grave(sentence), "".join((said, *reasons))))
    return sorted(lines, key=lambda line: not line[0])


def plain(markdown: str) -> str:
    """A sentence on one line without its emphasis, also where that began or ends in another sentence."""
    text, found = one_line(markdown), 1
    while found:
        text, found = _EMPHASIS.subn(r"\2", text)
    return re.sub(r"^(\*\*|__)(?=\S)|(?<=\S)(\*\*|__)$", "", text)


def why(found: Found, count: int) -> list[str]:
    """A line for each of the first `count` results, and what is to be said of the search as a whole."""
    from assistant.answering.explanation import explain  # only who asks pays for it

    explained = explain(found)
    return [*(f"[{n}] {how}" for n, how in enumerate(explained.results[:count], 1)), *explained.lines()]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _value(source: Source, name: str) -> str:
    value = source.metadata.get(name)
    if value is None or value == "":
        return ""
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    return _cut(one_line(str(value)), _LONGEST_VALUE)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
