"""Why a search brought what it brought: ranks, scores and what was dropped, worked out only when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assistant.answering.found import Dropped, Found, Result
from assistant.answering.fusion import parts
from ingest.index.base import Hit
from ingest.text import one_line

_SHOWN_DROPPED = 8
_SAID = {
    "document": "is of the same document as",
    "duplicate": "has the same text as",
    "retracted": "is retracted; it would have been",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where one way of ranking put a passage; ranks count from 1."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Why:
    """How a result came to its rank; None where a way of ranking did not bring its passage."""

    lexical: Place | None
    """Score: BM25."""
    dense: Place | None
    """Score: cosine."""
    fused: Place | None
    """Both together; None in a lexical index."""
    lexical_part: float
    dense_part: float
    """What each half gives to the fused score."""
    rerank: Place | None
    passages: tuple[int, ...]
    """Ordinals of the passages that the result is made of, first to last."""

    def to_json(self) -> dict[str, Any]:
        """As `citewell search --why --json` prints it."""
        return asdict(self) | {"passages": list(self.passages)}

    def __str__(self) -> str:
        said = [_place("reranked", self.rerank)]
        said.append(_place("fused", self.fused, f" = words {self.lexical_part:.3f} + meaning {self.dense_part:.3f}"))
        said += [_place("words", self.lexical), _place("meaning", self.dense)]
        if len(self.passages) > 1:
            said.append(f"passages {self.passages[0]} to {self.passages[-1]} joined")
        return " · ".join(part for part in said if part)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a search brought what it brought."""

    results: tuple[Why, ...]
    """One for each result, in their order."""
    instruction: str
    """Put before the question for the embedder; empty where meaning was not searched."""
    rerank_instruction: str
    expanded: tuple[str, ...]
    filter: str
    dropped: tuple[Dropped, ...]
    below: int
    """Passages that were found and came too late to be looked at."""

    def to_json(self) -> dict[str, Any]:
        """As `citewell search --why --json` prints it, without the results, which stand with their passages."""
        return {
            "instruction": self.instruction,
            "rerank_instruction": self.rerank_instruction,
            "expanded": list(self.expanded),
            "filter": self.filter,
            "dropped": [
                {"doc_id": one.passage.doc_id, "passage": one.passage.ordinal, "reason": one.reason, "by_rank": one.by}
                for one in self.dropped
            ],
            "below_cut": self.below,
        }

    def lines(self) -> Iterator[str]:
        """What is to be said of the search as a whole."""
        if self.instruction:
            yield f"Instruction: {self.instruction}"
        if self.rerank_instruction and self.rerank_instruction != self.instruction:
            yield f"Reranked by: {self.rerank_instruction}"
        if self.expanded:
            yield f"Searched as well for: {', '.join(self.expanded)}"
        if self.filter:
            yield f"Among records of: {self.filter}"
        for one in self.dropped[:_SHOWN_DROPPED]:
            passage = f"{one.passage.doc_id}, passage {one.passage.ordinal}"
            yield one_line(f"Dropped: {passage}, {_SAID[one.reason]} {one.by}.")
        if len(self.dropped) > _SHOWN_DROPPED:
            yield f"Dropped: {len(self.dropped) - _SHOWN_DROPPED} more."
        if self.below:
            yield f"Below the cut: {self.below} more that matched."


def explain(found: Found) -> Explanation:
    """Work out the explanation of a search."""
    trace = found.trace
    lexical, dense = _places(trace.candidates.lexical), _places(trace.candidates.dense)
    fused = _places(trace.ranked) if trace.candidates.dense else {}
    words, meaning = parts(trace.candidates, trace.settings) if fused else ({}, {})
    reranked = _places(sorted((Hit(*item) for item in trace.reranked.items()), key=lambda hit: -hit.score))

    def why(result: Result) -> Why:
        point = result.hit.point_id
        return Why(
            lexical=lexical.get(point),
            dense=dense.get(point),
            fused=fused.get(point),
            lexical_part=words.get(point, 0.0),
            dense_part=meaning.get(point, 0.0),
            rerank=reranked.get(point),
            passages=tuple(sorted(part.ordinal for part in result.parts)) or (result.passage.ordinal,),
        )

    shown = sum(len(result.parts) or 1 for result in found.results)
    return Explanation(
        results=tuple(map(why, found.results)),
        instruction=trace.instruction,
        rerank_instruction=trace.rerank_instruction,
        expanded=found.expanded,
        filter=found.filter,
        dropped=trace.dropped,
        below=max(len(trace.ranked) - shown - len(trace.dropped), 0),
    )


def _places(hits: Sequence[Hit]) -> dict[str, Place]:
    return {hit.point_id: Place(rank, hit.score) for rank, hit in enumerate(hits, 1)}


def _place(name: str, place: Place | None, shares: str = "") -> str:
    return f"{name} #{place.rank} ({place.score:.3g}{shares})" if place else ""
