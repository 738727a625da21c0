"""Answers to put into sessions and transcripts."""

from __future__ import annotations

from typing import Any

from assistant.answering.answer import Answer, Sentence, Source


def source(n: int = 1, **changes: Any) -> Source:
    """Make a source, some fields changed."""
    fields: dict[str, Any] = {
        "n": n,
        "doc_id": f"pmid-{n}",
        "passage": 0,
        "title": "Metformin in type 2 diabetes",
        "text": "Metformin lowered HbA1c by 1.1 % (95 % CI 0.9 to 1.3).",
        "start": 120,
        "end": 174,
        "score": 0.75,
        "hash": "ab" * 16,
        "metadata": {
            "journal": "J Example Med",
            "year": 2019,
            "type": "randomised trial",
            "doi": "10.1000/x1",
        },
    }
    return Source(**(fields | changes))


def answer(question: str = "What does metformin do?", **changes: Any) -> Answer:
    """Make an answer with one cited sentence, some fields changed."""
    fields: dict[str, Any] = {
        "text": "Metformin lowers HbA1c [1].",
        "sentences": (Sentence("Metformin lowers HbA1c.", (1,)),),
        "sources": (source(),),
        "mode": "generated",
        "model": "example/model",
        "index": "default",
        "index_id": "f00d",
        "prompt_hash": "0123456789abcdef",
        "seconds": 1.5,
    }
    return Answer(question, **(fields | changes))
