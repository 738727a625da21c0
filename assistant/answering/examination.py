"""A text of anyone's held against the index: each sentence with the passages that should bear it out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assistant.answering import checking, citations, context, references
from assistant.answering.answer import Answer, Sentence, Source
from assistant.answering.markers import folded
from assistant.answering.verification import ModelVerifier
from configs.errors import InputError
from ingest import filters
from ingest.filters import Filter
from ingest.readers.fields import doi_in, pmid_in, pmid_in_urls

if TYPE_CHECKING:
    from assistant.answering.retrieval import Searcher
    from configs.settings import Settings

_LARGEST_LABEL = 1_000
_AT_ONCE = 8
_TITLE = 12  # letters from which a title in a reference is no accident
_TITLES_TRIED = 3


@dataclass(frozen=True, slots=True)
class _Reference:
    """What the index has under a number of the text's own list: the records that pass `where`, or one document."""

    where: Filter | None = None
    doc_id: str = ""


async def examine(text: str, searcher: Searcher, settings: Settings) -> Answer:
    """A text as if it were an answer: its sentences, each citing the one source that bears it out best.

    A sentence whose marker stands for an entry of the text's own list of references (a DOI, a PubMed number or
    a title that the index has) is held against that document alone; any other against what a search for it finds.
    A sentence for which nothing is found cites nothing, and is unchecked.

    Raises:
        InputError: there is no sentence in the text.
        IndexStoreError, ServerError: the index cannot be searched.
    """
    body, listed = references.cut(text.strip(), {})
    resolved = citations.resolve(body, range(_LARGEST_LABEL))
    if not resolved.sentences:
        raise InputError("there is no sentence to check")
    places = asyncio.Semaphore(_AT_ONCE)
    known = {n: found for n, entry in listed.entries.items() if (found := await _looked_up(entry, searcher))}

    async def sources_of(sentence: Sentence) -> list[Source]:
        async with places:
            return await _candidates(sentence, known, searcher)

    near = await asyncio.gather(*(sources_of(sentence) for sentence in resolved.sentences))
    sources = _numbered([source for some in near for source in some])
    numbers = {(source.doc_id, source.start, source.end): source.n for source in sources}
    sentences = []
    for sentence, some in zip(resolved.sentences, near, strict=True):
        cited = tuple(dict.fromkeys(numbers[source.doc_id, source.start, source.end] for source in some))
        (checked,) = checking.checked([replace(sentence, citations=cited, unknown=())], sources, together=False)
        best = checked.decisive
        alone = (best.n,) if best and best.n is not None else ()
        sentences.append(replace(checked, citations=alone, checks=(best,) if best else ()))
    answer = Answer("", resolved.text, tuple(sentences), sources, "generated", warnings=_missing(listed.entries, known))
    return await _verified(answer, settings)


async def _verified(answer: Answer, settings: Settings) -> Answer:
    verifier = ModelVerifier.of(settings)
    if verifier is None:
        return answer
    try:
        return await verifier.judged(answer)
    finally:
        await verifier.close()


def _missing(entries: Mapping[int, str], known: Mapping[int, _Reference]) -> tuple[str, ...]:
    gone = [f"[{n}]" for n in entries if n not in known]
    return (f"Not in the index, so that what cites them was searched for: {', '.join(gone)}.",) if gone else ()


async def _looked_up(entry: str, searcher: Searcher) -> _Reference | None:
    """What an entry of a list of references stands for in the index; None where it has no such document."""
    words = entry.split()
    doi, pmid = doi_in(entry), pmid_in_urls(words)
    pmid = pmid or next((found for n in range(len(words)) if (found := pmid_in("".join(words[n : n + 2])))), "")
    for key, value in (("doi", doi), ("pmid", pmid)):
        where = filters.parse(f'{key}:"{value}"') if value else None
        if where and (await searcher.index.counts(where)).passages:
            return _Reference(where)
    told = folded(entry)
    for result in (await searcher.search(entry, _TITLES_TRIED)).results:
        title = folded(result.passage.title)
        if told == folded(result.passage.doc_id) or (len(title) >= _TITLE and title in told):
            return _Reference(doc_id=result.passage.doc_id)
    return None


async def _candidates(sentence: Sentence, known: Mapping[int, _Reference], searcher: Searcher) -> list[Source]:
    """The passages to hold a sentence against: of the documents it cites, else the nearest there are."""
    found: list[Source] = []
    for cited in (known[n] for n in sentence.citations if n in known):
        results = (await searcher.search(sentence.text, where=cited.where, every_passage=True)).results
        found += [source for source in context.number(results) if cited.doc_id in ("", source.doc_id)]
    return found or list(context.number((await searcher.search(sentence.text)).results))


def _numbered(found: Sequence[Source]) -> tuple[Source, ...]:
    once = {(source.doc_id, source.start, source.end): source for source in found}
    return tuple(replace(source, n=n) for n, source in enumerate(once.values(), start=1))
