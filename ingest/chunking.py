"""Documents into passages: whole sentences up to a size in tokens, with their character spans."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from configs.settings import ChunkingSettings
from ingest import places, sentences, tokens
from ingest.documents import Document, Passage

if TYPE_CHECKING:
    from llama_index.core.node_parser import SentenceSplitter

Span: TypeAlias = tuple[int, int]
_SEGMENT = 50_000
"""Characters given to the splitter at once."""
_BORDERS = ("\n\n", "\n", "。", ". ", " ")
_WORD = re.compile(r"\S")


def passages(document: Document, settings: ChunkingSettings) -> list[Passage]:
    """The passages of a document, in order, as `spans` and `cut` make them."""
    return cut(document, spans(document, settings))


def spans(document: Document, settings: ChunkingSettings) -> list[Span]:
    """Where the passages of a document begin and end; one that fits whole is not split, others at each top-level section too."""
    if tokens.fits(document.text, settings.size):
        return [(0, len(document.text))]
    return _spans(document, settings)


def cut(document: Document, spans: Iterable[Span]) -> list[Passage]:
    """The passages at these spans, each a verbatim slice: `document.text[p.start:p.end] == p.text`."""
    return [
        Passage(
            doc_id=document.id,
            ordinal=ordinal,
            title=document.title,
            text=document.text[start:end],
            start=start,
            end=end,
            hash=document.hash,
            text_hash=document.text_hash,
            metadata=document.metadata,
            places=places.within(document.places, start, end) if document.places else (),
        )
        for ordinal, (start, end) in enumerate(spans)
    ]


def _spans(document: Document, settings: ChunkingSettings) -> list[Span]:
    """Where the splitter's chunks, which are stripped of outer white space, stand in the text."""
    split = _splitter(settings.size, settings.overlap).split_text
    spans: list[Span] = []
    for offset, segment in _segments(document):
        end = 0
        for chunk in split(segment):
            # A chunk starts no later than the first word after the one before it. Where the text repeats
            # itself it stands in several such places: the last of them leaves no gap.
            word = _WORD.search(segment, end)
            reach = len(segment) if word is None else word.start()
            start = segment.rfind(chunk, 0, reach + len(chunk))
            if start < 0:
                raise AssertionError("the splitter changed the text; its chunks can no longer be located")
            end = start + len(chunk)
            spans.append((offset + start, offset + end))
    return spans


def _segments(document: Document) -> Iterator[tuple[int, str]]:
    """The text in pieces the splitter can digest, each with its offset: its sections, cut at the best border near the end.

    Megabytes of prose in one record then take the time of many short ones, and no more.
    """
    text, start = document.text, 0
    for stop in [*places.sections_begin(document.places), len(text)]:
        while stop - start > _SEGMENT:
            earliest, latest = start + _SEGMENT // 2, start + _SEGMENT
            borders = (at + len(mark) for mark in _BORDERS if (at := text.rfind(mark, earliest, latest)) >= 0)
            end = next(borders, latest)
            yield start, text[start:end]
            start = end
        yield start, text[start:stop]
        start = stop


@cache
def _splitter(size: int, overlap: int) -> SentenceSplitter:
    from llama_index.core.node_parser import SentenceSplitter

    return SentenceSplitter(
        chunk_size=size,
        chunk_overlap=overlap,
        tokenizer=_counted,
        chunking_tokenizer_fn=_sentences,
    )


def _counted(text: str) -> range:
    """As many things as the text has tokens: the splitter only asks how many."""
    return range(tokens.count(text))


def _sentences(text: str) -> list[str]:
    """The text cut where its sentences begin.

    Not by NLTK, the splitter's default: its data files are refused where they are hard links, as uv installs them.
    """
    cuts = [0, *(start for start, _ in sentences.spans(text)[1:]), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(cuts)]
