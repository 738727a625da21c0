"""Documents into passages: whole sentences up to a size in tokens, with their character spans."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from configs.errors import SettingsError
from configs.settings import ChunkingSettings
from ingest import tokens
from ingest.documents import Document, Passage

if TYPE_CHECKING:
    from llama_index.core.node_parser import SentenceSplitter


def passages(document: Document, settings: ChunkingSettings) -> list[Passage]:
    """The passages of a document, in order; one that fits whole is not split.

    Each is a verbatim slice, so that `document.text[p.start:p.end] == p.text`.
    """
    if tokens.fits(document.text, settings.size):
        spans = [(0, len(document.text))]
    else:
        spans = _spans(document.text, settings)
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
        )
        for ordinal, (start, end) in enumerate(spans)
    ]


def _spans(text: str, settings: ChunkingSettings) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    cursor = 0
    for chunk in _splitter(settings.size, settings.overlap).split_text(text):
        start = text.find(chunk, cursor)
        if start < 0:
            raise AssertionError("the splitter changed the text; its chunks can no longer be located")
        spans.append((start, start + len(chunk)))
        cursor = start + 1
    return spans


@cache
def _splitter(size: int, overlap: int) -> SentenceSplitter:
    if overlap >= size:
        raise SettingsError(f"chunking.overlap ({overlap}) must be smaller than chunking.size ({size})")
    from llama_index.core.node_parser import SentenceSplitter

    return SentenceSplitter(chunk_size=size, chunk_overlap=overlap, tokenizer=tokens.encoding().encode_ordinary)
