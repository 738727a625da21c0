"""What stands before an answer in the chat: the line for whoever is in danger; a name is not sent unasked."""

from __future__ import annotations

from dataclasses import replace

from assistant.answering.answer import Cautioned
from tests.assistant.tui.conftest import OpenChat
from tests.assistant.tui.scripted import answer, script

NAMED = "Patient John Smith, DOB 12/03/1961: may he take metformin?"
AWAY = {"generation.url": "https://llm.example.org/v1"}


async def test_the_line_for_danger_stands_first_and_stays(chat: OpenChat) -> None:
    """It is there before the first word of the answer, above it, and again when the session is reopened."""
    told = replace(answer(), emergency="Call 112 now.")
    async with chat([Cautioned("Call 112 now."), *script(told)[1:]]) as c:
        view = await c.ask()
        shown = c.shown(".emergency")
        assert shown == "Call 112 now."
        assert view.query_one(".emergency").region.y < view.markdown.region.y
        session_id = c.app.dialogue.sessions()[0].id
    async with chat(session_id=session_id) as c:
        await c.until(lambda: c.turns)
        assert c.shown(".emergency") == "Call 112 now."


async def test_most_answers_have_no_such_line(chat: OpenChat) -> None:
    """It takes no room where nobody is in danger."""
    async with chat(script(answer())) as c:
        view = await c.ask()
        assert not view.query_one(".emergency").display


async def test_a_name_is_sent_only_when_sent_twice(chat: OpenChat) -> None:
    """The question stays in the prompt with the reason; Enter once more sends it, an edited one is looked at again."""
    async with chat(script(answer(NAMED)), flags=AWAY) as c:
        await c.type(NAMED)
        await c.pilot.press("enter")
        await c.until(lambda: "Not sent yet" in c.status)
        assert "llm.example.org" in c.status
        assert (c.prompt.text, c.engine.asked) == (NAMED, [])
        await c.type("?")
        await c.pilot.press("enter")
        await c.pilot.pause()
        assert c.engine.asked == []
        await c.pilot.press("enter")
        await c.until(lambda: c.turns and not c.screen.busy)
        assert [asked for asked, _ in c.engine.asked] == [f"{NAMED}?"]


async def test_block_keeps_it_here_however_often_it_is_sent(chat: OpenChat) -> None:
    """With `privacy = block` no key sends it; the text is not lost."""
    async with chat(flags={**AWAY, "privacy": "block"}) as c:
        await c.type(NAMED)
        for _ in range(3):
            await c.pilot.press("enter")
            await c.until(lambda: "nothing was sent" in c.status)
        assert (c.prompt.text, c.engine.asked) == (NAMED, [])


async def test_a_question_without_a_name_is_sent_at_once(chat: OpenChat) -> None:
    """The hold costs nobody else a key."""
    async with chat(script(answer()), flags=AWAY) as c:
        await c.ask()
        assert len(c.engine.asked) == 1
