"""citewell's retrieval as a llama-index retriever, so that its postprocessors and query engines can stand on it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

if TYPE_CHECKING:
    from llama_index.core.callbacks import CallbackManager

    from assistant.answering.retrieval import Result, Searcher

_log = logging.getLogger(__name__)
T = TypeVar("T")


class CitewellRetriever(BaseRetriever):
    """A llama-index retriever over an open `Searcher`, which stays its caller's to close.

    A searcher's connections belong to the event loop it was opened in. `aretrieve` is awaited there;
    `retrieve` may be called from any other thread, or while that loop is at rest.

    Args:
        searcher: what searches.
        limit: passages wanted; None for `retrieval.limit` of the settings.
        every_passage: whether one document may bring several.
        loop: where the searcher was opened; by default the loop that runs now.
        callback_manager: llama-index's own, for tracing.
    """

    def __init__(
        self,
        searcher: Searcher,
        limit: int | None = None,
        *,
        every_passage: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        super().__init__(callback_manager=callback_manager)
        self._searcher = searcher
        self._limit = limit
        self._every_passage = every_passage
        self._loop = loop or asyncio.get_running_loop()

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """Search; what did not go as it should is logged as a warning. Errors as `Searcher.search`."""
        found = await self._searcher.search(query_bundle.query_str, self._limit, every_passage=self._every_passage)
        for warning in found.warnings:
            _log.warning(warning)
        return [_node(result) for result in found.results]

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return waited_for(lambda: self._aretrieve(query_bundle), self._loop, "await aretrieve() there")


def waited_for(call: Callable[[], Coroutine[Any, Any, T]], loop: asyncio.AbstractEventLoop, instead: str) -> T:
    """What a coroutine that belongs to `loop` returns, for a caller without `await`: another thread, or one at rest.

    Raises:
        RuntimeError: it would never return, since the caller blocks that loop, or the loop has ended.
    """
    try:
        here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if loop.is_running() and here is not loop:
        return asyncio.run_coroutine_threadsafe(call(), loop).result()
    if here is None and not loop.is_closed():
        return loop.run_until_complete(call())
    raise RuntimeError(f"this would wait for the event loop that it blocks, or that has ended: {instead}")


def _node(result: Result) -> NodeWithScore:
    passage = result.passage
    place = {"doc_id": passage.doc_id, "passage": passage.ordinal, "start": passage.start, "end": passage.end}
    # Ours last: a document's own `doc_id` or `start` may not pass for where the passage lies.
    metadata = {**passage.metadata, "title": passage.title, **place}
    node = TextNode(
        id_=passage.point_id,
        text=passage.text,
        metadata=metadata,
        start_char_idx=passage.start,
        end_char_idx=passage.end,
        # A reranker sees what was embedded, title and text; a model is spared the offsets.
        excluded_embed_metadata_keys=[key for key in metadata if key != "title"],
        excluded_llm_metadata_keys=["passage", "start", "end"],
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=passage.doc_id)},
    )
    return NodeWithScore(node=node, score=result.score)
