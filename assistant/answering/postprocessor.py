"""citewell's reranking as a llama-index node postprocessor, for whoever builds a query engine on our retriever or another."""

from __future__ import annotations

import asyncio
import logging

from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle
from pydantic import PrivateAttr

from assistant.answering.rerank import Reranking
from assistant.answering.retriever import waited_for
from configs.errors import NotInstalled, ServerError, SettingsError

_log = logging.getLogger(__name__)


class CitewellRerank(BaseNodePostprocessor):
    """Puts nodes in the order of a `Reranking`, which stays its caller's to close; where that fails, leaves them as they are.

    Of `CitewellRetriever`'s nodes it is of use only where the settings' own reranking is off.

    Args:
        reranking: what `open_reranking(settings)` gives.
        top_n: nodes to keep; None for all.
        loop: where it is used; by default the loop that runs now.
    """

    top_n: int | None = None
    _reranking: Reranking = PrivateAttr()
    _loop: asyncio.AbstractEventLoop = PrivateAttr()

    def __init__(
        self, reranking: Reranking, top_n: int | None = None, *, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        super().__init__(top_n=top_n)
        self._reranking = reranking
        self._loop = loop or asyncio.get_running_loop()

    @classmethod
    def class_name(cls) -> str:
        """As llama-index names it in traces."""
        return "CitewellRerank"

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        """The first `rerank.candidates` nodes, best first; a failure is logged as a warning."""
        if query_bundle is None or len(nodes) < 2:
            return nodes[: self.top_n]
        read = nodes[: self._reranking.depth]
        texts = [node.node.get_content(MetadataMode.EMBED) for node in read]
        try:
            scores = await self._reranking.scores(query_bundle.query_str, texts)
        except (ServerError, NotInstalled, SettingsError) as error:
            _log.warning("Not reranked, because %s", error.what)
            return nodes[: self.top_n]
        for node, score in zip(read, scores, strict=True):
            node.score = score
        return sorted(read, key=lambda node: -(node.score or 0.0))[: self.top_n]

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return waited_for(
            lambda: self._apostprocess_nodes(nodes, query_bundle), self._loop, "await apostprocess_nodes() there"
        )
