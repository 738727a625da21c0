"""A text read once: its tokens, where each stands, its sentences, quantities and abbreviations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from assistant.answering.support import entities, polarity, quantities, text
from assistant.answering.support.quantities import Quantity
from assistant.answering.support.text import Token
from ingest import sentences

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
    def scripts(self) -> frozenset[bool]:
        """Whether its words are Chinese: True, False, or both; empty where it has none."""
        return frozenset(t.kind == "han" for t in self.tokens if t.kind in ("word", "name", "han", "letters"))

    @cached_property
    def abbreviations(self) -> list[tuple[int, str]]:
        """Its abbreviations, in lower case, each with the token that has it first."""
        found = [(n, entities.letters(token)) for n, token in enumerate(self.tokens)]
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
