"""Does a question tell of a life in danger? Then one plain line comes first, in the question's language.

Words decide, not a model: the line must be there when no server is. It is meant for who is in need, so a
question about the literature (“suicide rates after lithium”) is left alone; in doubt the line is shown, for it
costs a reader a second. Words and lines stand in `prompts/emergency.toml`, which says how they combine.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TypeAlias

from ingest.text import one_line
from prompts import library

_Kind: TypeAlias = dict[str, re.Pattern[str]]
# Whoever tells of danger does it at the beginning or the end; a pasted paper is not searched whole.
_LOOKED_AT = 2_000


def line(question: str) -> str:
    """The emergency line that this question must be answered with first; empty for almost all questions."""
    text = unicodedata.normalize("NFKC", one_line(question))
    if len(text) > 2 * _LOOKED_AT:
        text = f"{text[:_LOOKED_AT]} … {text[-_LOOKED_AT:]}"
    return next((said for said, kind, words in _kinds() if _tells(text, kind, words)), "")


def _tells(text: str, kind: _Kind, words: _Kind) -> bool:
    def has(patterns: _Kind, name: str) -> bool:
        return name in patterns and patterns[name].search(text) is not None

    if has(kind, "plea"):
        return True
    sign, topic = has(kind, "sign"), has(kind, "topic")
    if not (sign or topic):
        return False
    person, now, act = (has(words, name) for name in ("person", "now", "act"))
    return act or (sign and (person or now)) or (topic and person and now)


@cache
def _kinds() -> tuple[tuple[str, _Kind, _Kind], ...]:
    """Each kind of danger in each language: its line, its own patterns and those of its language."""
    return tuple(
        (kind["line"], _compiled(kind), _compiled(language))
        for language in library.emergencies().values()
        for kind in language.values()
        if isinstance(kind, dict)
    )


def _compiled(table: dict[str, object]) -> _Kind:
    return {
        name: re.compile(value, re.IGNORECASE)
        for name, value in table.items()
        if isinstance(value, str) and name != "line"
    }
