"""A text read once: its tokens, where each stands, its sentences, quantities and abbreviations."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache

from assistant.answering.support import entities, polarity, quantities, text
from assistant.answering.support.quantities import Quantity
from assistant.answering.support.text import Token
from ingest import sentences

_WORDLIKE = frozenset({"word", "name", "han", "letters", "function"})
# Little words of languages that an English source shares none with.
_LITTLE_WORDS = """
    der die das den dem und nicht ist sind mit für von zur ein eine wurde bei le la les des du une est sont dans pour avec et pas
    el los las una con por para que del il di della non per che uma não dos het een van voor niet hat
"""
_NOT_ENGLISH = frozenset(_LITTLE_WORDS.split())
_STEM = 5  # letters that two forms of a word must share


@dataclass(frozen=True)
class Analysis:
    """A sentence or a source, ready to be compared; make it with `analysed`, which keeps the latest."""

    text: str
    tokens: tuple[Token, ...]
    spans: tuple[tuple[int, int], ...]
    """Character spans of the sentences."""
    sentence_of: tuple[int, ...]
    """For each token the number of its sentence."""

    @cached_property
    def keys(self) -> list[str]:
        """The tokens' keys."""
        return [token.key for token in self.tokens]

    @cached_property
    def positions(self) -> dict[str, list[int]]:
        """Key → indices of the tokens that have it."""
        found: dict[str, list[int]] = {}
        for n, token in enumerate(self.tokens):
            found.setdefault(token.key, []).append(n)
        return found

    @cached_property
    def by_beginning(self) -> dict[str, list[int]]:
        """First letters → indices of the words that begin so."""
        found: dict[str, list[int]] = {}
        for n, token in enumerate(self.tokens):
            if token.kind in ("word", "name") and len(token.text) >= _STEM:
                found.setdefault(token.text[:_STEM].lower(), []).append(n)
        return found

    @cached_property
    def quantities(self) -> list[Quantity]:
        """Its numbers with their units."""
        return quantities.read(self.tokens)

    @cached_property
    def initials(self) -> str:
        """The first letter of each word, one a token, for abbreviations that nobody spelt out."""
        return "".join(token.text[0].lower() if token.kind == "word" else " " for token in self.tokens)

    @cached_property
    def weights(self) -> list[float]:
        """How much each token says (`entities.weight`)."""
        return [entities.weight(token) for token in self.tokens]

    @cached_property
    def leanings(self) -> dict[str, tuple[float, Token]]:
        """Which way each telling word goes (`polarity.leanings`)."""
        return polarity.leanings(self.tokens, self.weights, self.sentence_of)

    @cached_property
    def denying(self) -> frozenset[int]:
        """The numbers of the sentences that deny something."""
        return frozenset(self.sentence_of[n] for n, t in enumerate(self.tokens) if polarity.negates(t.text))

    @cached_property
    def words(self) -> frozenset[str]:
        """Its words as they stand, in lower case."""
        return frozenset(token.text.lower() for token in self.tokens)

    @cached_property
    def script(self) -> str:
        """The script and, as far as its little words tell, the kind of language: `CJK`, `CYRILLIC`, `LATIN`; empty without words."""
        words = [token for token in self.tokens if token.kind in _WORDLIKE]
        if not words:
            return ""
        common = Counter(_script(token.text[0]) for token in words).most_common(1)[0][0]
        foreign = sum(token.text.lower() in _NOT_ENGLISH for token in words)
        english = sum(token.kind == "function" for token in words)
        return f"{common}, not English" if foreign >= 2 and foreign > english else common

    @cached_property
    def abbreviations(self) -> list[tuple[int, str]]:
        """Its abbreviations, in lower case, each with the token that has it first."""
        found = [(n, entities.letters(token)) for n, token in enumerate(self.tokens) if token.text[:2].isupper()]
        return [(n, short) for n, short in found if short and self.positions[self.tokens[n].key][0] == n]

    def places(self, token: Token) -> tuple[list[int], float]:
        """Where a token of another text stands here, and how surely it is the same (0 … 1)."""
        if found := self.positions.get(token.key):
            return found, 1.0
        if token.kind in ("word", "name") and len(token.text) >= _STEM:
            near = self.by_beginning.get(token.text[:_STEM].lower(), ())
            alike = [n for n in near if entities.akin(token.text, self.tokens[n].text)]
            return alike, 0.85
        return [], 0.0


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "?").split()[0]


@lru_cache(maxsize=512)
def analysed(passage: str) -> Analysis:
    """The analysis of a text."""
    found = text.tokens(passage)
    spans = tuple(sentences.spans(passage))
    numbers, current = [], 0
    for token in found:
        while current + 1 < len(spans) and token.start >= spans[current + 1][0]:
            current += 1
        numbers.append(current)
    return Analysis(passage, tuple(found), spans, tuple(numbers))
