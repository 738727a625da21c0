"""What can go wrong with a model server, as values a test hands to `OpenAIServer`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Vectors = list[list[float]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail; each subclass says how."""


@dataclass(frozen=True, slots=True)
class Status(Fault):
    """Answers with this status and body, JSON unless it is text."""

    status: int
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hang(Fault):
    """Takes the request and answers only after `OpenAIServer.release`."""


@dataclass(frozen=True, slots=True)
class Reset(Fault):
    """Breaks the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Garbage(Fault):
    """Answers 200 with a web page, as a proxy's login form or the wrong port does."""


@dataclass(frozen=True, slots=True)
class Spoil(Fault):
    """Changes good embeddings before they leave."""

    change: Callable[[Vectors], Vectors]


@dataclass(frozen=True, slots=True)
class SpoilRows(Fault):
    """Changes a reranker's good answer, a list of rows with score and index, before it leaves."""

    change: Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class StreamError(Fault):
    """Reports an error inside a 200 stream after some pieces, then `[DONE]`."""

    after: int = 0
    message: str = "The request queue is full."
    code: int = 503


@dataclass(frozen=True, slots=True)
class StreamCut(Fault):
    """Closes the connection after some pieces, without an end to the stream."""

    after: int = 1


@dataclass(frozen=True, slots=True)
class StreamSilence(Fault):
    """Says nothing more after some pieces; goes on after `OpenAIServer.release`."""

    after: int = 1


def error_body(message: str, kind: str, code: int) -> dict[str, Any]:
    """SGLang's error object; unlike OpenAI's it is the whole body, not under `error`."""
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


# As SGLang 0.5.23 answers with --max-queued-requests: no Retry-After.
BUSY = Status(503, error_body("The request queue is full.", "503", 503))
CRASHED = Status(500, error_body("Internal server error: CUDA out of memory", "InternalServerError", 500))
TOO_FEW_VECTORS = Spoil(lambda vectors: vectors[:-1])
NAN_VECTORS = Spoil(lambda vectors: [[math.nan, *vector[1:]] for vector in vectors])
SHORT_VECTORS = Spoil(lambda vectors: [vector[: len(vector) // 2] for vector in vectors])
RAGGED_VECTORS = Spoil(lambda vectors: [vector[: len(vector) - n % 2] for n, vector in enumerate(vectors)])
TOO_FEW_SCORES = SpoilRows(lambda rows: rows[:-1])
SCORE_TWICE = SpoilRows(lambda rows: [rows[0], *rows[:-1]])
NAN_SCORES = SpoilRows(lambda rows: [row | {"score": math.nan} for row in rows])
SCORES_AS_TEXT = SpoilRows(lambda rows: [row | {"score": "high"} for row in rows])
NO_LIST_OF_SCORES = SpoilRows(lambda rows: {"scores": rows})
