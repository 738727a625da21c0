"""Asking in the chat: what streams, what is kept, what is said when something goes wrong."""

from __future__ import annotations

import asyncio

import pytest
from textual.widgets import Static

from assistant.answering.answer import Answered, Failed, Retrieved, Sentence, Token
from assistant.records.sessions import SessionStore
from assistant.tui import describe
from assistant.tui.describe import STOPPED
from assistant.tui.widgets.conversation import Conversation
from assistant.tui.widgets.status import TitleLine
from configs.errors import IndexInUse, IndexMissing, ServerUnreachable
from tests.assistant.tui.conftest import NARROW, WIDE, OpenChat
from tests.assistant.tui.scripted import answer, script, source

SIZES = pytest.mark.parametrize("size", [NARROW, WIDE])


@SIZES
async def test_an_answer_is_shown_and_its_support_summed_up(chat: OpenChat, size: tuple[int, int]) -> None:
    """The reader sees the answer's text, and how many of its sentences cite a source."""
    async with chat(script(answer()), size=size) as c:
        view = await c.ask()
        assert view.markdown.source == answer().text
        assert c.status == "2 of 3 sentences cite a source"
        assert "a-model" in str(c.screen.query_one(TitleLine).visual)


async def test_an_unknown_citation_is_flagged(chat: OpenChat) -> None:
    """A number that no source has is struck, counted in the status line, and named below the answer."""
    struck = answer(
        text="Drug 1 helps [1]. It cures.",
        sentences=[Sentence("Drug 1 helps.", (1,)), Sentence("It cures.", (), (9,))],
        warnings=["The model cited [9], which is no source; struck."],
    )
    async with chat(script(struck)) as c:
        await c.ask()
        assert c.status == "1 of 2 sentences cites a source · 1 unknown citation struck"
        assert "cited [9]" in c.shown(".notes")


async def test_an_abstention_says_so_and_offers_the_nearest_passages(chat: OpenChat) -> None:
    """Where the corpus does not answer, that is said, and the nearest passages are at hand but none as cited."""
    async with chat(script(answer(text="The corpus does not answer this.", sentences=())), size=WIDE) as c:
        view = await c.ask()
        assert view.has_class("-abstained")
        assert c.status == "Not answered by the corpus · the 3 nearest passages in the sources"
        assert c.shown("#sources-heading") == "Nearest passages · 3, none cited"


async def test_quotes_are_labelled_as_quotes(chat: OpenChat) -> None:
    """An answer made of quotes is never taken for a model's writing."""
    quoted = answer(text="“It helps.” [1]", sentences=[Sentence("It helps.", (1,))], mode="quotes")
    async with chat(script(quoted), mode="quotes") as c:
        view = await c.ask()
        assert view.query_one(".kind").display
        assert c.status == "1 verbatim quote from 1 source"
        assert "verbatim quotes" in str(c.screen.query_one(TitleLine).visual)


async def test_escape_stops_an_answer_and_keeps_what_came(chat: OpenChat) -> None:
    """Esc ends the engine's work; the text stays, marked as unchecked, and the next question can be asked."""
    gate = asyncio.Event()
    async with chat(script(answer(), gate), script(answer("And then?"))) as c:
        await c.type("Does it help?")
        await c.pilot.press("enter")
        await c.until(lambda: c.turns and c.turns[-1].text)
        await c.pilot.press("escape")
        await c.until(lambda: c.turns[-1].has_class("-stopped"))
        assert c.engine.stopped == 1
        assert c.turns[-1].markdown.source.strip() == "Drug"
        assert c.shown(".notes") == STOPPED
        await c.ask("And then?")
        assert c.turns[-1].answer is not None


async def test_a_stopped_answer_is_saved_as_stopped(chat: OpenChat) -> None:
    """What came of a stopped answer is still there when the session is opened again, and still marked."""
    gate = asyncio.Event()
    async with chat(script(answer(), gate)) as c:
        await c.type("Does it help?")
        await c.pilot.press("enter")
        await c.until(lambda: c.turns and c.turns[-1].text)
        await c.pilot.press("escape")
        await c.until(lambda: c.status.startswith("Stopped"))
        store = SessionStore(c.app.dialogue.settings.data_dir / "sessions")
        saved = store.load(store.list()[0].id).answers[0]
        assert (saved.text.strip(), saved.warnings, saved.sentences) == ("Drug", (STOPPED,), ())


@pytest.mark.parametrize("typed", [("/quit",), ("ctrl+q",), ("ctrl+c", "ctrl+c")])
async def test_leaving_in_mid_answer_keeps_what_came(
    chat: OpenChat, store: SessionStore, typed: tuple[str, ...]
) -> None:
    """However the reader leaves, the question and what came of its answer are in the session, marked as stopped."""
    async with chat(script(answer(), asyncio.Event())) as c:
        await c.type("Does it help?")
        await c.pilot.press("enter")
        await c.until(lambda: c.turns and c.turns[-1].text)
        if typed == ("/quit",):
            await c.type("/quit")
            typed = ("enter",)
        await c.pilot.press(*typed)
        await c.until(lambda: c.app.return_code is not None)
    (saved,) = store.load(store.list()[0].id).answers
    assert (saved.question, saved.text.strip(), saved.warnings) == ("Does it help?", "Drug", (STOPPED,))


async def test_one_question_at_a_time(chat: OpenChat) -> None:
    """A second question during an answer is not lost: it stays in the prompt, and the reader is told why."""
    gate = asyncio.Event()
    async with chat(script(answer(), gate)) as c:
        await c.type("Does it help?")
        await c.pilot.press("enter")
        await c.until(lambda: c.turns and c.turns[-1].text)
        await c.type("And this?")
        await c.pilot.press("enter")
        assert c.prompt.text == "And this?"
        assert c.status == "An answer is on its way; Esc stops it."
        gate.set()
        await c.until(lambda: not c.screen.busy)
        assert len(c.engine.asked) == 1


async def test_a_failure_keeps_what_came_and_can_be_tried_again(chat: OpenChat) -> None:
    """A server that dies in mid-answer: its error and its remedy are shown, the text stays, Ctrl+R asks again."""
    error = ServerUnreachable("the model server went away", where="http://localhost:1/v1", fix="Start it again.")
    failing = [Retrieved("q", (source(1),)), Token("Drug 1"), Failed(error, "Drug 1")]
    async with chat(failing, script(answer())) as c:
        view = await c.ask()
        assert view.markdown.source == "Drug 1"
        assert c.shown(".notes").splitlines()[:3] == [
            "The model server went away",
            "http://localhost:1/v1",
            "Start it again.",
        ]
        await c.pilot.press("ctrl+r")
        await c.until(lambda: c.turns[-1].answer)
        assert [question for question, _ in c.engine.asked] == ["Does it help?", "Does it help?"]


async def test_the_chat_opens_without_an_index_and_retries(chat: OpenChat) -> None:
    """No index: the chat opens all the same, says what to do, and Ctrl+R goes on once that is done."""
    error = IndexMissing("there is no index “default”", where="/data", fix="citewell ingest PATH")
    async with chat(script(answer()), errors=(error,)) as c:
        assert c.shown("#problem").splitlines()[:3] == ["There is no index “default”", "/data", "citewell ingest PATH"]
        assert c.prompt.has_focus
        await c.pilot.press("ctrl+r")
        await c.until(lambda: c.status == "Ready.")
        assert not c.screen.query_one("#problem").display


async def test_the_next_question_opens_the_index_too(chat: OpenChat) -> None:
    """An index that was in use and is free by now is opened by simply asking."""
    async with chat(script(answer()), errors=(IndexInUse("another process holds it"),)) as c:
        view = await c.ask()
        assert view.answer is not None
        assert not c.screen.query_one("#problem").display


async def test_a_question_while_the_index_cannot_be_opened_says_why(chat: OpenChat) -> None:
    """A question that meets a closed index is not swallowed: it stays on screen with the reason."""
    errors = (IndexInUse("another process holds it", fix="Close it."), IndexInUse("it still holds it", fix="Close it."))
    async with chat(errors=errors) as c:
        view = await c.ask()
        assert view.has_class("-failed")
        assert c.shown(".notes").splitlines() == ["It still holds it", "Close it."]


async def test_follow_ups_carry_the_history(chat: OpenChat) -> None:
    """The engine is given the earlier turns, so that “and in children?” can be understood."""
    async with chat(script(answer("One?")), script(answer("Two?"))) as c:
        await c.ask("One?")
        await c.ask("Two?")
        (_, nothing), (_, history) = c.engine.asked
        assert nothing == ()
        assert [(turn.question, turn.answer) for turn in history] == [("One?", answer().text)]


async def test_without_a_model_the_first_follow_up_tells_that_it_stands_alone(
    chat: OpenChat, store: SessionStore
) -> None:
    """“And in children?” is searched for as typed: that is said under the first such answer, once a session."""
    quoted = [script(answer(question, mode="quotes")) for question in ("One?", "Two?", "Three?")]
    async with chat(*quoted, mode="quotes") as c:
        for question in ("One?", "Two?", "Three?"):
            await c.ask(question)
        told = [describe.ALONE in str(turn.query_one(".notes", Static).visual) for turn in c.turns]
        assert told == [False, True, False]
    assert [len(one.warnings) for one in store.load(store.list()[0].id).answers] == [0, 1, 0]


async def test_text_from_outside_is_shown_literally(chat: OpenChat) -> None:
    """Markup, escapes and links in questions, titles, passages and answers are characters, never commands."""
    evil = "[bold red]x[/] [@click=app.quit]y[/] \x1b[31mz\x1b]0;t\x07 \u202ereversed"
    plain = "[bold red]x[/] [@click=app.quit]y[/] z reversed"
    hostile = answer(
        evil,
        text="Drug 1 helps [1]. [home](http://evil.example) ![p](http://evil.example/p.png) <b>h</b> [/no]\n\n|a|b|\n|-|-|\n|[/red]|[1]|",
        sentences=[Sentence("Drug 1 helps.", (1,))],
        sources=[source(1, title=evil, text=evil, journal=evil, url="javascript:alert(1)")],
        warnings=[evil],
    )
    async with chat(script(hostile), size=WIDE) as c:
        view = await c.ask(evil)
        await c.pilot.hover(".cell")
        shown = [
            c.shown(selector) for selector in (".question", "#passage-head", "#passage-text", ".notes", "SourceLine")
        ]
        assert all("[bold red]x[/] [@click=app.quit]y[/]" in text for text in shown)
        assert not any(character in "".join(shown) for character in "\x1b\x07\u202e")
        assert c.shown("#passage-text") == plain
        text = str(view.markdown.query("MarkdownParagraph").first().visual)  # type: ignore[attr-defined]
        assert "[home](http://evil.example) ![p](http://evil.example/p.png) <b>h</b> [/no]" in text
        assert [place.n for place in view.markdown.places()] == [1, 1]
        assert "javascript" not in c.shown("#passage-head")


async def test_warnings_of_the_search_show_at_once(chat: OpenChat) -> None:
    """That only words were searched is said while the answer is still being written."""
    gate = asyncio.Event()
    whole = answer(warnings=["Searched by words alone."])
    async with chat([Retrieved("q", whole.sources, whole.warnings), gate, Answered(whole)]) as c:
        await c.type("Does it help?")
        await c.pilot.press("enter")
        await c.until(lambda: c.turns and c.turns[-1].sources)
        assert c.shown(".notes") == "Searched by words alone."
        gate.set()
        await c.until(lambda: not c.screen.busy)


async def test_who_scrolls_up_is_not_pulled_down(chat: OpenChat) -> None:
    """The stream is followed at its end; a reader who has scrolled up stays where they read, also when it ends."""
    gate = asyncio.Event()
    whole = answer(text="\n\n".join(f"Paragraph {n} says that drug 1 helps [1]." for n in range(40)))
    events = [Retrieved("q", whole.sources), *(Token(line + "\n\n") for line in whole.text.split("\n\n"))]
    async with chat([*events[:30], gate, *events[30:], Answered(whole)]) as c:
        conversation = c.screen.query_one(Conversation)
        await c.type("Does it help?")
        await c.pilot.press("enter")
        await c.until(lambda: conversation.max_scroll_y > 30)
        assert conversation.scroll_y == conversation.max_scroll_y
        await c.pilot.press("pageup", "pageup")
        read = conversation.scroll_y
        assert 0 < read < conversation.max_scroll_y
        gate.set()
        await c.until(lambda: not c.screen.busy and conversation.max_scroll_y > 60)
        assert conversation.scroll_y == read
