"""/filter in the chat: set, mended, shown, kept with the session; and sources that were retracted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from assistant.tui.widgets.sources import SourceLine
from tests.assistant.tui.conftest import WIDE
from tests.assistant.tui.scripted import answer, script, source

if TYPE_CHECKING:
    from assistant.records.sessions import SessionStore
    from tests.assistant.tui.conftest import Chat, OpenChat


async def send(chat: Chat, text: str) -> None:
    """Type a command and send it."""
    chat.prompt.clear()
    await chat.type(text)
    await chat.pilot.press("enter")
    await chat.pilot.pause()


async def test_a_filter_holds_for_every_question_until_it_is_taken_off(chat: OpenChat) -> None:
    """The title line shows it all the while; /filter tells it, /filter off searches all again."""
    async with chat(script(answer()), script(answer()), size=WIDE) as c:
        await send(c, "/filter year>=2020  type:rct")
        assert c.prompt.text == ""
        assert c.status == "Filter: year>=2020 type:rct · /filter off searches all"
        assert "filter year>=2020 type:rct" in c.shown("TitleLine")
        await c.ask()
        await send(c, "/filter")
        assert "year>=2020 type:rct" in c.status
        await send(c, "/filter off")
        assert c.status.startswith("All records are searched.")
        assert "filter" not in c.shown("TitleLine")
        await c.ask("And now?")
        assert c.engine.filters == ["year>=2020 type:rct", ""]


async def test_a_wrong_filter_is_shown_and_can_be_mended(chat: OpenChat) -> None:
    """The mark stands under the fault, the typed text stays, and what held before still holds."""
    async with chat(size=WIDE) as c:
        await send(c, "/filter lang:en")
        await send(c, "/filter lang:en type:rtc")
        assert c.status.splitlines()[1:] == ["    lang:en type:rtc", " " * 17 + "^", "Did you mean rct?"]
        assert c.prompt.text == "/filter lang:en type:rtc"
        assert "filter lang:en" in c.shown("TitleLine")
        await c.pilot.press("backspace", "backspace", "c", "t")
        await c.pilot.pause()
        assert c.status == "unknown type “rtct” · Did you mean rct?" or "Enter searches" in c.status


async def test_a_filter_that_no_record_passes_is_told_at_once(chat: OpenChat) -> None:
    """A misspelt value is not found out only by a question that nothing answers; the filter is set all the same."""
    told = "No record passes the filter type:rct; did you mean type:review?"
    async with chat(size=WIDE) as c:
        c.engine.barren["type:rct"] = told
        await send(c, "/filter type:rct")
        assert c.status == f"{told} · /filter off searches all"
        assert c.screen.status.has_class("-warning")
        assert c.prompt.text == ""
        assert "filter type:rct" in c.shown("TitleLine")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("/filter ", "/filter year>=2020 type:rct"),
        ("/filter year>=2", "“2” is no year"),
        ("/filter year>=2020", "Enter searches only year>=2020"),
        ("/filter retr", "Did you mean retracted?"),
    ],
)
async def test_what_is_typed_is_told_as_it_is_typed(chat: OpenChat, typed: str, told: str) -> None:
    """An example first, then what is missing, then what Enter will do; nothing is sent for it."""
    async with chat() as c:
        await c.type(typed)
        assert told in c.status
        assert c.engine.asked == []


async def test_the_settings_filter_is_shown_from_the_start(chat: OpenChat) -> None:
    """`citewell chat --filter …`: nobody may take an answer from some records for one from all."""
    async with chat(flags={"retrieval.filter": "lang:en"}, size=WIDE) as c:
        assert "filter lang:en" in c.shown("TitleLine")


async def test_a_reopened_session_says_its_filter_and_goes_on_with_it(chat: OpenChat, store: SessionStore) -> None:
    """The filter of its last answer; every answer keeps its own in the session's file."""
    session = store.create()
    for where in ("", "year>=2020"):
        store.append(session.id, replace(answer(), filter=where))
    async with chat(script(answer()), session_id=session.id, size=WIDE) as c:
        assert "Filter: year>=2020" in c.status
        assert "filter year>=2020" in c.shown("TitleLine")
        await c.ask()
        assert c.engine.filters == ["year>=2020"]
    assert [one.filter for one in store.load(session.id).answers][:2] == ["", "year>=2020"]


async def test_what_a_source_was_labelled_stands_in_its_head(chat: OpenChat) -> None:
    """Who filters by a classifier's label sees it beside type and year; it is no markup."""
    one = replace(source(1, year=2019), labels={"condition": "neoplasms [b]"})
    async with chat(script(answer(sources=[one])), size=WIDE) as c:
        await c.ask()
        assert c.shown("#passage-head").splitlines()[1] == "2019 · condition: neoplasms [b]"


@pytest.mark.parametrize("size", [(80, 24), WIDE])
async def test_a_retracted_source_never_stands_without_its_flag(chat: OpenChat, size: tuple[int, int]) -> None:
    """In the list (a mark beside the number where there is room for no more), in its head, and when copied."""
    two = source(2, "A trial of drug 2", year=2019, retracted=True)
    async with chat(script(answer(sources=[source(1), two])), size=size) as c:
        await c.ask()
        c.screen.action_open_source(2)
        await c.pilot.pause()
        lines = [str(line.visual) for line in c.screen.query(SourceLine)]
        assert lines[1].startswith("2! RETRACTED")
        assert not lines[0].startswith("1!")
        assert c.shown("#passage-head").splitlines()[:2] == ["[2] A trial of drug 2", "RETRACTED · 2019"]
        assert "retracted:" not in c.shown("#passage-rest")
        await c.pilot.press("y")
        await c.pilot.pause()
        assert c.app.clipboard.startswith("RETRACTED. A trial of drug 2")
