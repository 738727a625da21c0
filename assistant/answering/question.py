"""A follow-up made to stand alone, so that it can be searched for."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.answering.answer import Turn
from assistant.answering.generator import Generator
from configs.errors import InputError
from ingest.text import one_line
from prompts import library

MAX_CHARACTERS = 20_000
_TURNS = 3
_ANSWER_CHARACTERS = 600


def checked(question: str) -> str:
    """The question without surrounding white space; half a surrogate pair in it becomes a question mark.

    Raises:
        InputError: it is empty, or longer than `MAX_CHARACTERS`.
    """
    question = question.encode("utf-8", "replace").decode("utf-8").strip()
    if not question:
        raise InputError(
            "the question is empty", fix='Ask one: citewell ask "What is the first-line drug for type 2 diabetes?"'
        )
    if len(question) > MAX_CHARACTERS:
        raise InputError(
            f"the question has {len(question):,} characters; {MAX_CHARACTERS:,} is the limit",
            fix="Shorten it, or ingest the text and ask about it.",
        )
    return question


async def stand_alone(question: str, history: Sequence[Turn], generator: Generator) -> str:
    """The question rewritten by the model so that it needs no history; as it is where there is none.

    Raises:
        ServerError: the model did not answer.
    """
    if not history:
        return question
    told = "\n".join(f"Q: {turn.question}\nA: {turn.answer[:_ANSWER_CHARACTERS]}" for turn in history[-_TURNS:])
    prompt = library.load("condense").fill(history=told, question=question)
    rewritten = one_line(await generator.complete([{"role": "user", "content": prompt}]))
    return rewritten if 0 < len(rewritten) <= max(400, 3 * len(question)) else question
