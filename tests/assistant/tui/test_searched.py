"""What was searched for: explained by /why, changed and asked again by /edit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.answering.answer import Answer, Answered, Retrieved, Source, Token
from assistant.answering.found import Found, Result, Trace
from assistant.records.sessions import SessionStore
from ingest.documents import Passage
from ingest.index.base import Candidates, Hit
from tests.assistant.tui.conftest import NARROW, WIDE, OpenChat
from tests.assistant.tui.scripted import Script, answer, script

REWRITTEN = "Does aspirin help after a stroke?"


def searched(sources: tuple[Source, ...]) -> Found:
    """A lexical search that brought these sources."""
    passages = [Passage(s.doc_id, s.passage, s.title, s.text, s.start, s.end, s.hash, "") for s in sources]
    hits = [Hit(passage.point_id, 9.5 - n) for n, passage in enumerate(passages)]
    results = tuple(Result(n, hit.score, p) for n, (hit, p) in enumerate(zip(hits, passages, strict=True), 1))
    return Found(results, expanded=("[bold]myocardial infarction[/]",), trace=Trace(Candidates(hits), hits))


def explained(whole: Answer) -> Script:
    """The script of an answer whose search can be explained."""
    return [Retrieved(whole.question, whole.sources, (), searched(whole.sources)), Token("Drug"), Answered(whole)]


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_why_explains_each_source_and_hides_it_again(chat: OpenChat, size: tuple[int, int]) -> None:
    """/why puts a line for each source under the last answer, as plain text; typed again, it takes them away."""
    async with chat(explained(answer()), size=size) as c:
        view = await c.ask()
        assert not view.query_one(".why").display
        await c.type("/why")
        await c.pilot.press("enter")
        await c.until(lambda: view.query_one(".why").display)
        said = c.shown(".why")
        assert "[1] words #1 (9.5)" in said
        assert "[3] words #3 (7.5)" in said
        assert "[bold]myocardial infarction[/]" in said
        await c.type("/why")
        await c.pilot.press("enter")
        await c.until(lambda: not view.query_one(".why").display)


async def test_why_of_nothing_and_of_an_earlier_run(chat: OpenChat, store: SessionStore) -> None:
    """Before the first answer, and for one that was only reopened, the chat says that there is nothing to explain."""
    async with chat() as c:
        await c.type("/why")
        await c.pilot.press("enter")
        await c.until(lambda: "no answer" in c.status)
    session = store.create()
    store.append(session.id, answer())
    async with chat(session_id=session.id) as c:
        await c.type("/why")
        await c.pilot.press("enter")
        await c.until(lambda: "only while the chat that asked runs" in c.status)


@pytest.mark.parametrize("how", ["/edit", "f4"])
async def test_the_condensed_question_is_edited_and_asked_as_it_then_stands(chat: OpenChat, how: str) -> None:
    """What a follow-up was made into comes to the prompt; sent, it goes out whole, with no history to rewrite it by."""
    follow_up = replace(answer("And after a stroke?"), standalone=REWRITTEN)
    async with chat(script(answer()), script(follow_up), script(answer(REWRITTEN + " In women?"))) as c:
        await c.ask()
        view = await c.ask("And after a stroke?")
        assert c.shown(".searched").startswith(f"Searched for: {REWRITTEN}")
        assert view.query_one(".searched").display
        if how == "f4":
            await c.pilot.press("f4")
        else:
            await c.type(how)
            await c.pilot.press("enter")
        await c.until(lambda: c.prompt.text == REWRITTEN)
        c.prompt.insert(" In women?")
        await c.pilot.press("enter")
        await c.until(lambda: len(c.turns) == 3 and not c.screen.busy)
        assert [question for question, _ in c.engine.asked][-1] == REWRITTEN + " In women?"
        assert [len(history) for _, history in c.engine.asked] == [0, 1, 0]


async def test_an_edit_that_is_given_up_leaves_follow_ups_as_they_were(chat: OpenChat) -> None:
    """Deleting what /edit brought, the next question is a follow-up again."""
    async with chat(script(answer()), script(answer("And in women?"))) as c:
        await c.ask()
        await c.pilot.press("f4")
        await c.until(lambda: c.prompt.text == "Does it help?")
        c.prompt.clear()
        await c.pilot.pause()
        await c.ask("And in women?")
        assert [len(history) for _, history in c.engine.asked] == [0, 1]


async def test_there_is_nothing_to_edit_before_the_first_question(chat: OpenChat) -> None:
    """The chat says so, and the prompt stays empty."""
    async with chat() as c:
        await c.pilot.press("f4")
        await c.until(lambda: "no question" in c.status)
        assert c.prompt.text == ""
