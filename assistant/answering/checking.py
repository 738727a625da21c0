"""Each sentence of an answer against the passages it cites: do they bear it out, and where?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assistant.answering.answer import Sentence, Source
from assistant.answering.findings import Check
from assistant.answering.support import Support, check

_APART = "\n\n"


def checked(sentences: Sequence[Sentence], sources: Sequence[Source]) -> tuple[Sentence, ...]:
    """The sentences with what checking each against its sources found; in process, in milliseconds.

    One that cites several sources may rest on all of them: where none bears it out alone, they are
    read together. A title counts as part of its passage: it often names what the passage speaks of.
    """
    known = {source.n: source for source in sources}
    return tuple(replace(sentence, checks=_checks(sentence, known)) for sentence in sentences)


def _checks(sentence: Sentence, known: Mapping[int, Source]) -> tuple[Check, ...]:
    alone = [Check(n, _against(sentence.text, known[n])) for n in sentence.citations]
    if len(alone) < 2 or any(one.support.verdict == "supported" for one in alone):
        return tuple(alone)
    together = check(sentence.text, _APART.join(_read(known[n]) for n in sentence.citations))
    return (*alone, Check(None, replace(together, span=None)))


def _against(text: str, source: Source) -> Support:
    """The check against one source, its span counted in the passage; None where it lies in the title."""
    support = check(text, _read(source))
    before = len(_read(source)) - len(source.text)
    if support.span is None:
        return support
    start, end = (offset - before for offset in support.span)
    return replace(support, span=(start, end) if start >= 0 else None)


def _read(source: Source) -> str:
    return source.text if source.title in ("", source.text) else f"{source.title}{_APART}{source.text}"
