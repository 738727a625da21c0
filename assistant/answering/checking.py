"""Each sentence of an answer against the passages it cites: do they bear it out, and where?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from assistant.answering.answer import Sentence, Source
from assistant.answering.findings import Check, Disagreement
from assistant.answering.support import Support, check, locate, opposes

_APART = "\n\n"
_QUOTED = re.compile(r"[“\"「『]([^“”\"「」『』]{8,})[”\"」』]")


def checked(sentences: Sequence[Sentence], sources: Sequence[Source], *, together: bool = True) -> tuple[Sentence, ...]:
    """The sentences with what checking each against its sources found; in process, in milliseconds.

    One that cites several sources may rest on all of them: where none bears it out alone, they are
    read together, if `together`. A title counts as part of its passage: it often names what that speaks of.
    """
    known = {source.n: source for source in sources}
    return tuple(replace(sentence, checks=_checks(sentence, known, together=together)) for sentence in sentences)


def borne_out(text: str, sources: Sequence[Source]) -> bool:
    """Whether these sources, read together, support a sentence."""
    return check(text, _APART.join(_read(source) for source in sources)).verdict == "supported"


def disagreements(sentences: Sequence[Sentence], sources: Sequence[Source]) -> tuple[Disagreement, ...]:
    """For each sentence that a source bears out, the other sources, cited or only retrieved, that plainly say the opposite."""
    return tuple(
        Disagreement(n, source.n, span)
        for n, sentence in enumerate(sentences)
        if sentence.verdict == "supported"
        for source in sources
        if not any(one.n == source.n and one.support.verdict == "supported" for one in sentence.checks)
        and (span := opposes(sentence.text, source.text))
    )


def _checks(sentence: Sentence, known: Mapping[int, Source], *, together: bool) -> tuple[Check, ...]:
    alone = [Check(n, _against(sentence.text, known[n])) for n in sentence.citations]
    if not together or len(alone) < 2 or any(one.support.verdict == "supported" for one in alone):
        return tuple(alone)
    joined = check(sentence.text, _APART.join(_read(known[n]) for n in sentence.citations))
    return (*alone, Check(None, replace(joined, span=None)))


def _against(text: str, source: Source) -> Support:
    """The check against one source, its span counted in the passage; None where it lies in the title."""
    support = check(text, _read(source))
    if support.verdict in ("supported", "partly") and (quoted := _quoted(text, source.text)):
        return replace(support, span=quoted)
    before = len(_read(source)) - len(source.text)
    if support.span is None:
        return support
    start, end = (offset - before for offset in support.span)
    return replace(support, span=(start, end) if start >= 0 else None)


def _quoted(sentence: str, passage: str) -> tuple[int, int] | None:
    """Where the words that a sentence has in quotation marks stand in the passage: the longest of them that does."""
    quotes = sorted((match[1] for match in _QUOTED.finditer(sentence)), key=len, reverse=True)
    return next((span for quote in quotes if (span := locate(quote, passage))), None)


def _read(source: Source) -> str:
    return source.text if source.title in ("", source.text) else f"{source.title}{_APART}{source.text}"
