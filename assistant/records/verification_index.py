"""A transcript's sources against the index that they came from: the same still, edited, gone, or cut anew?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from ingest.documents import Passage
from ingest.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant.answering.answer import Answer, Source
    from assistant.records.verification import Level, Report
    from ingest.index.base import Index

State: TypeAlias = Literal["unchanged", "edited", "gone", "cut anew", "not what the index holds"]
# Passages of one document that a source may be put together of lie this near each other, by ordinal.
_REACH = 8
_LEVELS: dict[State, Level | None] = {
    "unchanged": None,
    "edited": "changed",
    "gone": "changed",
    "cut anew": "changed",
    "not what the index holds": "failed",
}


async def against(report: Report, answers: Sequence[tuple[int, Answer]], index: Index) -> None:
    """Compare the sources of some answers (with their numbers) with an open index, and add what differs to the report."""
    rebuilt = {number for number, answer in answers if answer.index_id and answer.index_id != index.manifest.id}
    for number in sorted(rebuilt):
        what = f"the index {one_line(index.name)} is not the one that was asked: it was made anew since"
        report.add("changed", f"answer {number}", what)
    sources = [(number, source) for number, answer in answers for source in answer.sources]
    states = {id(source): await _state(source, index) for _, source in sources}
    lost = {source.doc_id for _, source in sources if states[id(source)] is None}
    hashes = {stored.id: stored.hash async for stored in index.documents() if stored.id in lost} if lost else {}
    for number, source in sources:
        state = states[id(source)] or _without_passages(source, hashes)
        report.sources.append({"answer": number, "source": source.n, "doc_id": source.doc_id, "state": state})
        if level := _LEVELS[state]:
            what = {"edited": "was edited in the index since", "gone": "is gone from the index"}.get(
                state, f"is {state}"
            )
            report.add(level, f"answer {number}, source {source.n}", f"{one_line(source.doc_id)} {what}")


def _without_passages(source: Source, hashes: dict[str, str]) -> State:
    """Its document as the index has it now, where its passages are not found."""
    if source.doc_id not in hashes:
        return "gone"
    return "cut anew" if hashes[source.doc_id] == source.hash else "edited"


async def _state(source: Source, index: Index) -> State | None:
    """What the index says of a source; None where it does not hold the passages of this version of the document."""
    near = range(max(0, source.passage - _REACH), source.passage + _REACH + 1)
    points = [Passage(source.doc_id, ordinal, "", "", 0, 0, source.hash, "").point_id for ordinal in near]
    covered = source.start
    for passage in sorted(await index.fetch(points), key=lambda passage: passage.start):
        start, end = max(source.start, passage.start), min(source.end, passage.end)
        if start >= end:
            continue
        ours, theirs = source.text[start - source.start : end - source.start], passage.text
        same = ours == theirs[start - passage.start : end - passage.start] and source.title == passage.title
        if not same or dict(source.metadata) != dict(passage.metadata):
            return "not what the index holds"
        if start <= covered:
            covered = max(covered, end)
    return "unchanged" if covered >= source.end else None
