"""Numbered passages inside a token budget, and the messages that carry them to the model."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from assistant.answering.answer import Source
from assistant.answering.retrieval import Result
from ingest import tokens
from ingest.facets import classified
from prompts import library

_FENCE = re.compile(r"<(?=\s*/?\s*(?:passage|sentence))", re.IGNORECASE)
_SHOWN_METADATA = ("year", "type", "journal")


def number(results: Sequence[Result]) -> tuple[Source, ...]:
    """Results as sources 1, 2, 3 …, best first."""
    return tuple(
        Source(
            n=n,
            doc_id=result.passage.doc_id,
            passage=result.passage.ordinal,
            title=result.passage.title,
            text=result.passage.text,
            start=result.passage.start,
            end=result.passage.end,
            score=result.score,
            hash=result.passage.hash,
            metadata=result.passage.metadata,
            places=result.passage.places,
            labels=classified(result.passage),
        )
        for n, result in enumerate(results, start=1)
    )


def pack(sources: Sequence[Source], budget: int) -> tuple[Source, ...]:
    """The best sources that fit whole into `budget` tokens together; always at least the first."""
    if tokens.fits("\n\n".join(_fenced(source) for source in sources), budget):
        return tuple(sources)
    packed: list[Source] = []
    for source in sources:
        budget -= tokens.count(_fenced(source) + "\n\n")
        if budget < 0 and packed:
            break
        packed.append(source)
    return tuple(packed)


def messages(question: str, sources: Sequence[Source]) -> list[dict[str, str]]:
    """The conversation sent to the model: the rules, then the passages, each in its fence, and the question."""
    passages = "\n\n".join(_fenced(source) for source in sources)
    return [
        {"role": "system", "content": library.load("answer").text},
        {"role": "user", "content": f"{passages}\n\nQuestion: {question}"},
    ]


def to_verify(sentence: str, sources: Sequence[Source]) -> list[dict[str, str]]:
    """The conversation sent to the verifying model: the rules, the passages a sentence cites, and the sentence."""
    passages = "\n\n".join(_fenced(source) for source in sources)
    fenced = f"<sentence>\n{_FENCE.sub('‹', sentence)}\n</sentence>"
    return [
        {"role": "system", "content": library.load("verify").text},
        {"role": "user", "content": f"{passages}\n\n{fenced}"},
    ]


def _fenced(source: Source) -> str:
    """A passage between tags that its own text cannot close."""
    shown = {"n": source.n, "title": source.title} | {
        k: source.metadata[k] for k in _SHOWN_METADATA if k in source.metadata
    }
    attributes = " ".join(f'{key}="{html.escape(" ".join(str(value).split()))}"' for key, value in shown.items())
    return f"<passage {attributes}>\n{_FENCE.sub('‹', source.text)}\n</passage>"
