"""Text to BM25 sparse vectors: English words stemmed, Chinese segmented, full-width forms and accents folded.

The analyser is Qdrant's own (in `qdrant_edge`, no download); the inverse document frequency is
applied by the index at query time (`Modifier.Idf`), so a vector never goes stale.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from qdrant_edge import Bm25, Bm25Config, TokenizerType

from ingest import small_talk

if TYPE_CHECKING:
    from configs.settings import LexicalSettings

# Names the analysis in the manifest: a change here makes old indexes incompatible.
ANALYZER = "bm25-words-titles-2"

# Scripts that write no spaces between words, which must be segmented (several times slower, and digits are lost).
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Runs of Chinese and Japanese: their pairs of characters match where two segmentations differ (.211 → .228 nDCG@10).
_RUN = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]{2,}")
_PAIR_WEIGHT = 0.5
_NUMBER = re.compile(r"(?<!\w)\d+(?!\w)")
# Term hashes have 31 bits. The 32nd tells a word in its part as a word of the title.
_IN_TITLE = 1 << 31
# The title as a field of its own: hardly saturated, and the shorter it is the more a word of it says.
_TITLE_K, _TITLE_B, _TITLE_LENGTH = 8.0, 1.0, 5.0
# How fast a word that the question repeats gains weight (BM25's k3): what a message is about is named again.
_REPEATED_K = 3.0
# A question of up to so many distinct terms is short, of more than the other a whole message.
_SHORT, _LONG = 8, 20
# What a word in the title counts beside one in the text; names stand out of a message by being titles.
_TITLE_OF_SHORT, _TITLE_OF_LONG = 0.05, 0.5


class SparseVector(NamedTuple):
    """Term hashes (uint32) and their weights (float32), of equal length; of passages as arrays, which travel well."""

    indices: Sequence[int]
    values: Sequence[float]

    def __bool__(self) -> bool:
        return bool(self.indices)


class LexicalEncoder:
    """BM25 (Robertson and Zaragoza, 2009) document weights, and query weights."""

    def __init__(self, settings: LexicalSettings) -> None:
        self._title_weight = settings.title_weight
        self._text = _Model(settings.k, settings.b, settings.average_length)
        self._title = _Model(_TITLE_K, _TITLE_B, _TITLE_LENGTH)
        self._question = _Model(_REPEATED_K, 0.0, settings.average_length)

    def document(self, text: str) -> SparseVector:
        """Saturated, length-normalised term frequencies."""
        words, pairs = self._text.weights(text), self._text.pairs(text)
        return _joined(words, pairs) if pairs else words

    def passage(self, title: str, text: str) -> SparseVector:
        """The weights of a passage with its title, each of whose words counts `title_weight` times and once more apart.

        Three times against once: nDCG@10 .706 against .700 on SciFact's train claims, .676 against .624 on MedQuAD; with
        the title apart .708 and .716, and .69 instead of .28 on MedQuAD's questions lost in whole messages.
        """
        if title in ("", text):
            return self.document(text)
        whole = self.document("\n".join([*[title] * self._title_weight, text]))
        apart = self._title.weights(title)
        return _joined(whole, SparseVector([index | _IN_TITLE for index in apart.indices], apart.values))

    def question(self, text: str) -> SparseVector:
        """What is searched for: the terms of a question, weighted, each in the text and in the title.

        In a whole message small talk weighs nothing, what is said repeatedly more, what stands in a title most.
        Empty for a text of stop words alone.
        """
        said = self._question.weights(text)
        length = min(max((len(said.indices) - _SHORT) / (_LONG - _SHORT), 0.0), 1.0)
        pairs = self._question.pairs(text)
        weights = dict(zip(said.indices, said.values, strict=True))
        weights |= {pair: _PAIR_WEIGHT * weight for pair, weight in zip(pairs.indices, pairs.values, strict=True)}
        worth = dict.fromkeys(self._english_talk, 1 - length)
        if _is_unspaced(text):
            worth |= dict.fromkeys(self._chinese_talk, 0.0)
        weights = {term: weight * worth.get(term, 1.0) for term, weight in weights.items()}
        weights = {term: weight for term, weight in weights.items() if weight} or dict.fromkeys(weights, 1.0)
        of_title = _TITLE_OF_SHORT + (_TITLE_OF_LONG - _TITLE_OF_SHORT) * length
        titles = {term | _IN_TITLE: of_title * weight for term, weight in weights.items()}
        return SparseVector([*weights, *titles], [*weights.values(), *titles.values()])

    def query(self, text: str) -> SparseVector:
        """Each distinct term with weight 1; empty for a text of stop words alone. Numbers are no terms here."""
        return self._text.terms(_NUMBER.sub(" ", unicodedata.normalize("NFKC", text)))

    def terms(self, text: str) -> frozenset[int]:
        """The distinct term hashes of a text."""
        return frozenset(self.query(text).indices)

    @cached_property
    def _english_talk(self) -> frozenset[int]:
        return self.terms(small_talk.ENGLISH)

    @cached_property
    def _chinese_talk(self) -> frozenset[int]:
        """Each word alone: in a row they might be segmented otherwise. Loads the dictionary, a few tenths of a second."""
        return frozenset().union(*(self.document(word).indices for word in small_talk.CHINESE.split()))


class _Model:
    """One set of BM25's constants over two tokenizers: by characters that part words, and by a dictionary."""

    def __init__(self, k: float, b: float, average_length: float) -> None:
        self._spaced, self._unspaced = (
            Bm25(
                Bm25Config(
                    k=k, b=b, avg_len=average_length, tokenizer=tokenizer, language="english", ascii_folding=True
                )
            )
            for tokenizer in (TokenizerType.Word, TokenizerType.Multilingual)
        )

    def weights(self, text: str) -> SparseVector:
        """The text's terms, by their frequency."""
        text = unicodedata.normalize("NFKC", text)
        vector = self._of(text).embed_document(text)
        return SparseVector(array("I", vector.indices), array("f", vector.values))

    def terms(self, text: str) -> SparseVector:
        """The text's terms, each with weight 1."""
        vector = self._of(text).embed_query(text)
        return SparseVector(vector.indices, vector.values)

    def pairs(self, text: str) -> SparseVector:
        """The pairs of neighbouring characters where words are not spaced, as terms that no word is."""
        if not _is_unspaced(text):
            return SparseVector([], [])
        runs = _RUN.findall(unicodedata.normalize("NFKC", text))
        pairs = self._spaced.embed_document(
            " ".join(f"x{run[at : at + 2]}" for run in runs for at in range(len(run) - 1))
        )
        return SparseVector(pairs.indices, pairs.values)

    def _of(self, text: str) -> Bm25:
        return self._unspaced if _is_unspaced(text) else self._spaced


def _joined(words: SparseVector, more: SparseVector) -> SparseVector:
    return SparseVector(array("I", [*words.indices, *more.indices]), array("f", [*words.values, *more.values]))


def _is_unspaced(text: str) -> bool:
    return not text.isascii() and _UNSPACED.search(text) is not None  # most are ASCII, and know it
