"""Abbreviations of a question spelled out, and long names abbreviated, where passages of the corpus define them.

Mined when a question is asked, from the passages that use the abbreviation most: nothing is stored that could
disagree with the index, an ingest costs nothing, and both homes work.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingest.filters import Filter
from ingest.index.base import Index
from ingest.lexical import LexicalEncoder, SparseVector

# How many passages are read for each abbreviation, and how many abbreviations of one question are looked up.
_PASSAGES = 40
_LOOKED_UP = 5
# Of an ambiguous abbreviation every meaning counts that so many of its definitions give.
_SHARE = 0.3
# What a word that was added counts beside one that was asked.
_WEIGHT = 0.3
# Two to ten characters, a capital first and another capital or a digit: MI, HbA1c, TNF-α, COPD.
_SHORT = re.compile(r"\b(?=\w*-?\w*[A-Z])[A-Za-z](?=[\w-]*[A-Z0-9])[\w-]{1,9}\b")
_DEFINITION = re.compile(r"\(([A-Za-z][\w-]{1,9})[);,]")
_WORD = re.compile(r"\w[\w'’-]*")


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a question says, and what the corpus says for the same."""

    said: str
    also: str

    def __str__(self) -> str:
        return f"{self.also} ({self.said})"


def definitions(text: str) -> list[tuple[str, str]]:
    """(short form, long form) of each “long form (SF)” in a text, by the rule of Schwartz and Hearst (2003).

    The long form stands in at most min(|SF| + 5, 2 · |SF|) words before the bracket; read backwards, each character of
    the short form is found in it, the first one at the beginning of a word.
    """
    found = []
    for match in _DEFINITION.finditer(text):
        short = match[1]
        if not any(character.isupper() for character in short):
            continue
        words = list(_WORD.finditer(text, max(0, match.start() - 200), match.start()))
        words = words[-min(len(short) + 5, 2 * len(short)) :]
        if words and (long := _long_form(short, text[words[0].start() : match.start()].rstrip())):
            found.append((short, long))
    return found


def _long_form(short: str, before: str) -> str | None:
    at = len(before)
    for n in range(len(short) - 1, -1, -1):
        character = short[n].lower()
        if not character.isalnum():
            continue
        at -= 1
        while at >= 0 and (before[at].lower() != character or (n == 0 and at > 0 and before[at - 1].isalnum())):
            at -= 1
        if at < 0:
            return None
    long = before[at:]
    # A definition is longer than what it defines, within one sentence, and does not hold the short form itself.
    wrong = len(long) <= len(short) or "(" in long or ". " in long or short in _WORD.findall(long)
    return None if wrong else long


async def expansions(
    question: str, index: Index, lexical: LexicalEncoder, where: Filter | None = None
) -> tuple[Expansion, ...]:
    """What else to search for: meanings of the question's abbreviations, abbreviations of the names it spells out."""
    asked = lexical.terms(question)
    found: list[Expansion] = []
    for short in list(dict.fromkeys(_SHORT.findall(question)))[:_LOOKED_UP]:
        texts = await _texts(index, lexical.query(short), where)
        meanings = [long for text in texts for one, long in definitions(text) if one == short]
        found += [Expansion(short, long) for long in _usual(meanings, lexical) if not lexical.terms(long) <= asked]
    plain = question.lower()
    shorts: dict[str, list[str]] = {}
    for text in await _texts(index, lexical.question(question), where):
        for short, long in definitions(text):
            if long.lower() in plain and short.lower() not in plain:
                shorts.setdefault(long.lower(), []).append(short)
    found += [Expansion(long, short) for long, some in shorts.items() for short in _usual(some, lexical)[:1]]
    return tuple(found)


def expanded(query: SparseVector, found: Iterable[Expansion], lexical: LexicalEncoder) -> SparseVector:
    """The query with the terms of expansions that it does not have, at a lower weight."""
    weights = dict(zip(query.indices, query.values, strict=True))
    for one in found:
        added = lexical.question(one.also)
        for term, weight in zip(added.indices, added.values, strict=True):
            weights.setdefault(term, _WEIGHT * weight)
    return SparseVector(list(weights), list(weights.values()))


async def _texts(index: Index, query: SparseVector, where: Filter | None) -> list[str]:
    hits = (await index.candidates(query, None, _PASSAGES, where)).lexical
    return [passage.text for passage in await index.fetch([hit.point_id for hit in hits])]


def _usual(forms: Sequence[str], lexical: LexicalEncoder) -> list[str]:
    """The forms that enough of all definitions give, inflections of one taken together, the most frequent first."""
    kinds = Counter(lexical.terms(form) for form in forms)
    usual = [terms for terms, count in kinds.most_common() if count >= _SHARE * len(forms)]
    return [next(form for form in forms if lexical.terms(form) == terms) for terms in usual]
