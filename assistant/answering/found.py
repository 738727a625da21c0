"""What a search brings: results, what did not go as it should, and the trace from which it can be explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from configs.settings import RetrievalSettings
from ingest.documents import Passage
from ingest.index.base import Candidates, Hit

Reason: TypeAlias = Literal["document", "duplicate", "retracted"]


@dataclass(frozen=True, slots=True)
class Result:
    """What was found at a rank; scores never rise from one rank to the next.

    `score` is BM25 in a lexical index and the fused score (0 … 1) in a hybrid one. Where a reranker put them in
    order it is the reranker's, and what it was not shown follows, its fused score scaled below the last of these.
    """

    rank: int
    score: float
    passage: Passage
    """The best passage of its document; where neighbours of it were found too, one span of the document with them."""
    parts: tuple[Passage, ...] = ()
    """The stored passages that make up `passage`, the best first; none where it is itself one."""

    @property
    def hit(self) -> Passage:
        """The stored passage that brought the document to this rank."""
        return self.parts[0] if self.parts else self.passage


@dataclass(frozen=True, slots=True)
class Dropped:
    """A passage that was found but is not shown, because of the result at rank `by`."""

    passage: Passage
    reason: Reason
    """`document`: of the same document, but no neighbour; `duplicate`: a version of its text under another id."""
    by: int
    """For `retracted`, the rank it would have had."""


@dataclass(frozen=True, slots=True)
class Trace:
    """How a search went. Holds only what it had in hand anyway; `explanation.explain` makes sense of it."""

    candidates: Candidates = field(default_factory=Candidates)
    ranked: Sequence[Hit] = ()
    """Before reranking, best first."""
    settings: RetrievalSettings = field(default_factory=RetrievalSettings)
    instruction: str = ""
    """What was put before the question for the embedder; empty where meaning was not searched."""
    reranked: Mapping[str, float] = field(default_factory=dict)
    """The reranker's score, by point."""
    rerank_instruction: str = ""
    dropped: tuple[Dropped, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The results of one search, best first, and what did not go as it should."""

    results: tuple[Result, ...]
    warnings: tuple[str, ...] = ()
    failed: bool = False
    """Whether an embedder or a reranker did not answer, so that this is less than it could be."""
    expanded: tuple[str, ...] = ()
    """What was searched for beside the question's own words."""
    filter: str = ""
    """Which records were searched, as `ingest.filters` has it; empty: all."""
    trace: Trace = field(default_factory=Trace)
