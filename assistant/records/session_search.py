"""Which earlier session spoke of this? Words looked for in questions, answers and their sources, with where they stand."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from configs.errors import InputError
from ingest.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from assistant.answering.answer import Answer
    from assistant.records.sessions import SessionStore

Place: TypeAlias = Literal["question", "answer", "source"]
_BEFORE, _AFTER = 60, 120


@dataclass(frozen=True, slots=True)
class Match:
    """An answer whose question, text or sources together hold every word that was looked for."""

    session: str
    updated: datetime
    turn: int
    question: str
    place: Place
    """Where the first word stands."""
    snippet: str


def search(store: SessionStore, words: str, damaged: Callable[[InputError], None]) -> Iterator[Match]:
    """Every match, the latest session first; `damaged` is told of sessions that cannot be read, which are passed over.

    Case, accents and the width of letters do not matter; all words must be there, in any order and place.
    """
    wanted = _folded(words).split()
    for summary in store.list() if wanted else []:
        try:
            session = store.load(summary.id)
        except InputError as error:
            damaged(error)
            continue
        if session.damaged:
            lines = ", ".join(map(str, session.damaged))
            damaged(InputError("some of its answers cannot be read", where=f"{session.id}, lines {lines}"))
        for turn, answer in enumerate(session.answers, 1):
            if found := _found(answer, wanted):
                yield Match(session.id, session.updated, turn, one_line(answer.question), *found)


def _found(answer: Answer, wanted: list[str]) -> tuple[Place, str] | None:
    texts: list[tuple[Place, str]] = [("question", answer.question), ("answer", answer.text)]
    texts += [("source", f"{source.title} — {source.text}") for source in answer.sources]
    folded = [(place, text, _folded(text)) for place, text in texts]
    if not all(any(word in plain for _, _, plain in folded) for word in wanted):
        return None
    # The place that holds most of the words speaks of them best; questions before answers before sources.
    place, text, plain = max(folded, key=lambda one: sum(word in one[2] for word in wanted))
    at = min(plain.find(word) for word in wanted if word in plain)
    return place, _snippet(text, plain, at)


def _snippet(text: str, plain: str, at: int) -> str:
    # Folding may change lengths (ﬁ is two letters); the place is then near enough for a snippet.
    at = at * len(text) // max(1, len(plain)) if len(text) != len(plain) else at
    start, end = max(0, at - _BEFORE), at + _AFTER
    return ("… " if start else "") + one_line(text[start:end]) + (" …" if end < len(text) else "")


def _folded(text: str) -> str:
    split = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in split if not unicodedata.combining(letter))
