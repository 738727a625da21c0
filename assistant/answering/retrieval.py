"""Hybrid search as one plain function: what `citewell search` calls and every answer rests on."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence

from assistant.answering import abbreviations
from assistant.answering.diversity import Gathering
from assistant.answering.found import Dropped, Found, Result, Trace
from assistant.answering.fusion import fuse, ordered
from assistant.answering.rerank import Reranking, open_reranking
from configs.errors import NotInstalled, ServerError, SettingsError
from configs.settings import Settings
from ingest import filters
from ingest.documents import Passage
from ingest.embedding import Embedder
from ingest.embedding_cache import CachedEmbedder, open_cached
from ingest.index.base import Hit, Index, Vector
from ingest.index.open import open_index
from ingest.lexical import LexicalEncoder, SparseVector
from prompts import library

__all__ = ["Found", "Result", "Searcher", "search"]

# A question's terms that are weighed; the rest of a very long message is not.
_MAX_TERMS = 48
# How many candidates of each half are looked through at most, where few documents own the best of them.
_DEEPEST = 10_000


class Searcher:
    """An open index with the encoders that fit it."""

    def __init__(
        self, index: Index, settings: Settings, embedder: Embedder | None, reranking: Reranking | None = None
    ) -> None:
        self.index = index
        self.lexical = LexicalEncoder(settings.lexical)
        self._settings = settings.retrieval
        self._instruction = library.instruction(settings.embedding.domain).task
        self._embedder = embedder
        self._reranking = reranking
        self._where = filters.parse(settings.retrieval.filter, said_in="retrieval.filter")
        self._labels: set[str] = set()
        """Keys that records of this index are known to carry."""

    @classmethod
    async def open(cls, settings: Settings) -> Searcher:
        """Open the index of these settings for searching.

        Raises:
            IndexMissing, IndexInUse, IndexMismatch, IndexStoreError, ServerError, SettingsError
        """
        opening = asyncio.create_task(open_index(settings))
        await asyncio.sleep(0)  # on its way: the index's owner may have to start, and starts beside what follows
        if settings.embedding.provider == "openai" or settings.generation.url:
            import openai  # noqa: F401 — takes half a second, and is needed soon
        index = await opening
        settings = index.manifest.filled(settings)
        try:
            embedder = open_cached(settings, retries=0, dimensions=index.manifest.dimensions)
            searcher = cls(index, settings, embedder, open_reranking(settings))
        except BaseException:
            await index.close()
            raise
        if searcher._reranking is not None:
            searcher._reranking.begin()
        return searcher

    async def search(
        self,
        question: str,
        limit: int | None = None,
        *,
        every_passage: bool = False,
        where: filters.Filter | None = None,
    ) -> Found:
        """The passages nearest to a question, best first; one a document unless `every_passage`.

        `where` stands in place of the settings' own filter. Unless it or the settings ask for retracted records,
        these are left out, and a warning counts them. An embedder that does not answer costs the dense half, not
        the search: a warning says so.

        Raises:
            InputError: the filter names a key that no record carries.
            IndexStoreError, ServerError: the index cannot be searched.
        """
        where = self._where if where is None else where
        await self.check(where)
        passing = where if where.terms else None
        wanted = limit or self._settings.limit
        warnings: list[str] = []
        dense = await self._embedded(question, warnings)
        query = self.lexical.question(question)
        also: tuple[abbreviations.Expansion, ...] = ()
        if self._settings.expand_abbreviations:
            also = await abbreviations.expansions(question, self.index, self.lexical, passing)
            query = abbreviations.expanded(query, also, self.lexical)
        depth = max(self._settings.candidates, wanted)
        known: dict[str, Passage] = {}
        scores: dict[str, float] | None = None
        while True:
            candidates = await self.index.candidates(query, dense, depth, passing)
            ranked = ordered(candidates.lexical) if dense is None else fuse(candidates, self._settings)
            if scores is None:
                scores = await self._reranked(question, ranked, known, warnings)
            gathering = Gathering(
                wanted, self._settings.join, every_passage=every_passage, retracted=self._wants_retracted(where)
            )
            await self._gather(_in_order(ranked, scores), known, gathering)
            whole = max(len(candidates.lexical), len(candidates.dense)) < depth
            if whole or gathering.full or depth >= _DEEPEST:
                break
            depth = min(4 * depth, _DEEPEST)  # a few long documents took all places: look for others
        results = gathering.results()
        dropped = gathering.dropped()
        failed = bool(warnings)
        warnings += await self._remarks(where, dropped, found_any=bool(results))
        trace = Trace(
            candidates=candidates,
            ranked=ranked,
            settings=self._settings,
            instruction="" if dense is None else self._instruction,
            reranked=scores,
            rerank_instruction=self._reranking.instruction if self._reranking and scores else "",
            dropped=dropped,
        )
        return Found(results, tuple(warnings), failed, tuple(map(str, also)), where.text, trace)

    async def check(self, where: filters.Filter) -> None:
        """See that some record carries each label that a filter names.

        Raises:
            InputError: none does; names the nearest that there is.
        """
        for label in set(where.labels) - self._labels - set(self.index.manifest.labels):
            if not (await self.index.counts(filters.parse(f"has:{label}"))).passages:
                raise where.unknown(label, filters.labels_among(await self.index.facets()))
            self._labels.add(label)

    async def barren(self, where: filters.Filter) -> str:
        """That no record passes a filter, and what may have been meant; empty where one does."""
        if not where.terms or (await self.index.counts(where)).passages:
            return ""
        nearest = where.nearest(await self.index.facets())
        return f"No record passes the filter {where.text}{f'; did you mean {nearest}?' if nearest else ''}"

    def _wants_retracted(self, where: filters.Filter) -> bool:
        return self._settings.retracted == "flag" or where.about_retraction

    async def _remarks(self, where: filters.Filter, dropped: Sequence[Dropped], *, found_any: bool) -> list[str]:
        """What the reader has to know of what was not searched."""
        gone = len({one.passage.doc_id for one in dropped if one.reason == "retracted"})
        if gone:
            were = "retracted record was" if gone == 1 else "retracted records were"
            return [f"{gone} {were} left out; the filter “retracted” brings such."]
        barren = "" if found_any else await self.barren(where)
        return [barren] if barren else []

    async def _embedded(self, question: str, warnings: list[str]) -> Vector | None:
        """The question's vector; None, and a warning where there should be one, if words alone can be searched."""
        if self._embedder is None:
            return None
        try:
            dense = await self._embedder.embed_query(question)
        except ServerError as error:
            warnings.append(f"Searched by words alone, because {error.what} ({error.where}).")
            return None
        if isinstance(self._embedder, CachedEmbedder) and (warning := self._embedder.take_warning()):
            warnings.append(warning)
        size = self.index.manifest.dimensions
        if len(dense) == size:
            return dense
        warnings.append(f"Searched by words alone: the embedder gives {len(dense)} dimensions, the index has {size}.")
        return None

    async def _reranked(
        self, question: str, ranked: Sequence[Hit], known: dict[str, Passage], warnings: list[str]
    ) -> dict[str, float]:
        """The reranker's score of each of the best passages, by point; empty, with a warning, where it fails."""
        if self._reranking is None or len(ranked) < 2:
            return {}
        passages = await self._fetched([hit.point_id for hit in ranked[: self._reranking.depth]], known)
        try:
            scores = await self._reranking.scores(question, [passage.searchable for passage in passages.values()])
        except (ServerError, NotInstalled, SettingsError) as error:
            warnings.append(f"Not reranked, because {error.what}" + (f" ({error.where})." if error.where else "."))
            return {}
        return dict(zip(passages, scores, strict=True))

    async def _gather(self, ranked: Sequence[Hit], known: dict[str, Passage], gathering: Gathering) -> None:
        """Hand a ranking's passages on until there are results enough; fetches no more of them than it must."""
        page = max(gathering.wanted, self._settings.limit)
        for start in range(0, len(ranked), page):
            hits = ranked[start : start + page]
            passages = await self._fetched([hit.point_id for hit in hits], known)
            for hit in hits:
                if hit.point_id in passages:
                    gathering.take(passages[hit.point_id], hit.score)
            if gathering.full:
                return

    async def _fetched(self, points: Sequence[str], known: dict[str, Passage]) -> dict[str, Passage]:
        """The passages of these points, in this order, without those that vanished; what is known is not fetched."""
        if missing := [point for point in points if point not in known]:
            known |= {passage.point_id: passage for passage in await self.index.fetch(missing)}
        return {point: known[point] for point in points if point in known}

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
            for part in (self._embedder, self._reranking):
                if part is not None:
                    await part.close()


def _in_order(ranked: Sequence[Hit], scores: Mapping[str, float]) -> Sequence[Hit]:
    """The ranking in the reranker's order; what it was not shown follows, scaled so that scores still only fall."""
    if not scores:
        return ranked
    read = ordered(Hit(point, score) for point, score in scores.items())
    rest = [hit for hit in ranked if hit.point_id not in scores]
    scale = read[-1].score / (rest[0].score or 1.0) if rest else 0.0
    return [*read, *(Hit(hit.point_id, hit.score * scale) for hit in rest)]


def search(
    question: str,
    settings: Settings,
    limit: int | None = None,
    *,
    every_passage: bool = False,
    where: filters.Filter | None = None,
) -> Found:
    """Open, search once, close: for a caller without an event loop. Arguments and errors as `Searcher`."""

    async def run() -> Found:
        searcher = await Searcher.open(settings)
        try:
            return await searcher.search(question, limit, every_passage=every_passage, where=where)
        finally:
            await searcher.close()

    return asyncio.run(run())
