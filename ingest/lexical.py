"""Text to BM25 sparse vectors: English words stemmed, Chinese segmented, full-width forms folded.

The analyser is Qdrant's own (in `qdrant_edge`, no download); the inverse document frequency is
applied by the index at query time (`Modifier.Idf`), so a vector never goes stale.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qdrant_edge import Bm25, Bm25Config, TokenizerType

if TYPE_CHECKING:
    from configs.settings import LexicalSettings

# Names the analysis in the manifest: a change here makes old indexes incompatible.
ANALYZER = "bm25-multilingual-en-1"


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Term hashes and their weights, of equal length."""

    indices: list[int]
    values: list[float]

    def __bool__(self) -> bool:
        return bool(self.indices)


class LexicalEncoder:
    """BM25 (Robertson and Zaragoza, 2009) document weights, and unit query weights."""

    def __init__(self, settings: LexicalSettings) -> None:
        self._title_weight = settings.title_weight
        self._model = Bm25(
            Bm25Config(
                k=settings.k,
                b=settings.b,
                avg_len=settings.average_length,
                tokenizer=TokenizerType.Multilingual,
                language="english",
            )
        )

    def document(self, text: str) -> SparseVector:
        """Saturated, length-normalised term frequencies."""
        vector = self._model.embed_document(unicodedata.normalize("NFKC", text))
        return SparseVector(vector.indices, vector.values)

    def passage(self, title: str, text: str) -> SparseVector:
        """The weights of a passage with its title, each of whose words counts `title_weight` times.

        Three times against once: nDCG@10 .706 against .700 on SciFact's train claims, .676 against .624 on MedQuAD.
        """
        titles = [] if title in ("", text) else [title] * self._title_weight
        return self.document("\n".join([*titles, text]))

    def query(self, text: str) -> SparseVector:
        """Each distinct term with weight 1; empty for a text of stop words alone."""
        vector = self._model.embed_query(unicodedata.normalize("NFKC", text))
        return SparseVector(vector.indices, vector.values)

    def terms(self, text: str) -> frozenset[int]:
        """The distinct term hashes of a text."""
        return frozenset(self.query(text).indices)
