"""Hybrid search as one plain function: what `citewell search` calls and every answer rests on."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.answering.fusion import fuse, ordered
from configs.errors import ServerError
from configs.settings import Settings
from ingest.documents import Passage
from ingest.embedding import Embedder, open_embedder
from ingest.index.base import Hit, Index
from ingest.index.open import open_index
from ingest.lexical import LexicalEncoder, SparseVector

# A question's terms that are weighed; the rest of a very long message is not.
_MAX_TERMS = 48
# How many candidates of each half are looked through at most, where few documents own the best of them.
_DEEPEST = 10_000


@dataclass(frozen=True, slots=True)
class Result:
    """A passage that was found. `score` is BM25 in a lexical index, the fused score (0 … 1) in a hybrid one."""

    rank: int
    score: float
    passage: Passage


@dataclass(frozen=True, slots=True)
class Found:
    """The results of one search, best first, and what did not go as it should."""

    results: tuple[Result, ...]
    warnings: tuple[str, ...] = ()


class Searcher:
    """An open index with the encoders that fit it."""

    def __init__(self, index: Index, settings: Settings, embedder: Embedder | None) -> None:
        self.index = index
        self.lexical = LexicalEncoder(settings.lexical)
        self._settings = settings.retrieval
        self._embedder = embedder

    @classmethod
    async def open(cls, settings: Settings) -> Searcher:
        """Open the index of these settings for searching.

        Raises:
            IndexMissing, IndexInUse, IndexMismatch, IndexStoreError, ServerError, SettingsError
        """
        index = await open_index(settings)
        try:
            return cls(index, settings, open_embedder(settings.embedding, retries=0))
        except BaseException:
            await index.close()
            raise

    async def search(self, question: str, limit: int | None = None, *, every_passage: bool = False) -> Found:
        """The passages nearest to a question, best first; one a document unless `every_passage`.

        An embedder that does not answer costs the dense half, not the search: a warning says so.

        Raises:
            IndexStoreError, ServerError: the index cannot be searched.
        """
        wanted = limit or self._settings.limit
        warnings: list[str] = []
        dense = None
        if self._embedder is not None:
            try:
                dense = await self._embedder.embed_query(question)
            except ServerError as error:
                warnings.append(f"Searched by words alone, because {error.what} ({error.where}).")
        size = self.index.manifest.dimensions
        if dense is not None and len(dense) != size:
            warnings.append(
                f"Searched by words alone: the embedder gives {len(dense)} dimensions, the index has {size}."
            )
            dense = None
        query = self.lexical.query(question)
        depth = max(self._settings.candidates, wanted)
        while True:
            candidates = await self.index.candidates(query, dense, depth)
            ranked = ordered(candidates.lexical) if dense is None else fuse(candidates, self._settings)
            results = await self._collect(ranked, wanted, every_passage=every_passage)
            whole = max(len(candidates.lexical), len(candidates.dense)) < depth
            if whole or len(results) >= wanted or depth >= _DEEPEST:
                return Found(tuple(results), tuple(warnings))
            depth = min(4 * depth, _DEEPEST)  # a few long documents took all places: look for others

    async def _collect(self, ranked: Sequence[Hit], wanted: int, *, every_passage: bool) -> list[Result]:
        """The first `wanted` results of a ranking, with their passages; fetches no more of these than it must."""
        results: list[Result] = []
        documents: set[str] = set()
        for start in range(0, len(ranked), wanted):
            page = {hit.point_id: hit.score for hit in ranked[start : start + wanted]}
            for passage in await self.index.fetch(list(page)):
                if every_passage or passage.doc_id not in documents:
                    documents.add(passage.doc_id)
                    results.append(Result(len(results) + 1, page[passage.point_id], passage))
                if len(results) == wanted:
                    return results
        return results

    async def term_weights(self, question: str) -> dict[int, float]:
        """Inverse document frequency of each of the question's terms, by term hash; the corpus decides.

        A term's best passage scores idf · its weight in that passage, so one tiny query a term tells
        its idf exactly, in either home. A term that no passage has gets the highest idf there is.
        """
        terms = sorted(self.lexical.terms(question))[:_MAX_TERMS]
        found = await asyncio.gather(*(self.index.candidates(SparseVector([t], [1.0]), None, 1) for t in terms))
        best = {
            term: candidates.lexical[0] for term, candidates in zip(terms, found, strict=True) if candidates.lexical
        }
        passages = {p.point_id: p for p in await self.index.fetch(list({hit.point_id for hit in best.values()}))}
        unseen = math.log(2 * (await self.index.counts()).passages + 2)
        weights = dict.fromkeys(terms, unseen)
        for term, hit in best.items():
            if hit.point_id in passages:
                stored = self.lexical.passage(passages[hit.point_id].title, passages[hit.point_id].text)
                weights[term] = hit.score / dict(zip(stored.indices, stored.values, strict=True))[term]
        return weights

    async def close(self) -> None:
        """Let go of the index and the embedder."""
        try:
            await self.index.close()
        finally:
            if self._embedder is not None:
                await self._embedder.close()


def search(question: str, settings: Settings, limit: int | None = None, *, every_passage: bool = False) -> Found:
    """Open, search once, close: for a caller without an event loop. Arguments and errors as `Searcher`."""

    async def run() -> Found:
        searcher = await Searcher.open(settings)
        try:
            return await searcher.search(question, limit, every_passage=every_passage)
        finally:
            await searcher.close()

    return asyncio.run(run())
