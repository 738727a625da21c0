"""Sessions, commands and everything else that is typed and is no question."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.events import Paste

from assistant.answering.answer import Answer
from assistant.records.sessions import SessionStore
from assistant.tui.app import run_chat
from assistant.tui.screens.help import HelpScreen
from assistant.tui.screens.sessions import SessionsScreen
from configs.errors import InputError
from tests.assistant.tui.conftest import NARROW, WIDE, OpenChat
from tests.assistant.tui.scripted import answer, script
from tests.conftest import SettingsFactory

SIZES = pytest.mark.parametrize("size", [NARROW, WIDE])


def save(store: SessionStore, *answers: Answer) -> str:
    """A session with these answers; returns its id."""
    session = store.create()
    for one in answers:
        store.append(session.id, one)
    return session.id


async def test_every_answer_is_saved_in_one_session(chat: OpenChat, store: SessionStore) -> None:
    """Answers survive the program, in the order they were given; an unused chat leaves no session."""
    async with chat(script(answer("One?")), script(answer("Two?"))) as c:
        assert store.list() == []
        await c.ask("One?")
        await c.ask("Two?")
    (summary,) = store.list()
    assert [one.question for one in store.load(summary.id).answers] == ["One?", "Two?"]


async def test_an_earlier_session_is_taken_up_from_the_list(chat: OpenChat, store: SessionStore) -> None:
    """F3, Enter: the session is on screen with its sources, and what is asked next belongs to it."""
    session_id = save(store, answer("Earlier?"))
    async with chat(script(answer("Later?"))) as c:
        await c.pilot.press("f3")
        assert isinstance(c.app.screen, SessionsScreen)
        await c.pilot.press("enter")
        await c.until(lambda: c.turns and c.turns[0].question == "Earlier?")
        assert c.prompt.openable == 3
        await c.ask("Later?")
        assert [turn.question for turn in c.engine.asked[0][1]] == ["Earlier?"]
    assert [one.question for one in store.load(session_id).answers] == ["Earlier?", "Later?"]


@pytest.mark.parametrize("size", [(40, 12), NARROW])
async def test_a_session_over_another_index_says_so(chat: OpenChat, store: SessionStore, size: tuple[int, int]) -> None:
    """Whoever goes on with answers from one index, over another, is told which is asked from now on, in full."""
    told = "This session was asked of index demo; new questions go to index default."
    session_id = save(store, answer(index="demo"), answer())
    async with chat(session_id=session_id, size=size) as c:
        assert c.status == told
        await c.pilot.press("f3", "enter")
        await c.until(lambda: c.app.screen is c.screen)
        assert c.status == told
        assert c.screen.status.has_class("-warning")
        assert len(c.status) <= c.screen.status.content_size.area


@SIZES
async def test_a_long_session_is_mounted_as_the_reader_scrolls_up(
    chat: OpenChat, store: SessionStore, size: tuple[int, int]
) -> None:
    """Reopening is quick however long the session: earlier turns come when they are scrolled to, none is lost."""
    session_id = save(store, *(answer(f"Question {n}?") for n in range(14)))
    async with chat(session_id=session_id, size=size) as c:
        await c.until(lambda: c.turns)
        assert c.turns[-1].question == "Question 13?"
        assert len(c.turns) < 12
        await c.until(lambda: len(c.turns) == 14, press="pageup")
        assert [turn.question for turn in c.turns] == [f"Question {n}?" for n in range(14)]


async def test_deleting_a_session_takes_two_presses(chat: OpenChat, store: SessionStore) -> None:
    """One slip of the finger deletes nothing."""
    save(store, answer("Old?"))
    async with chat() as c:
        await c.pilot.press("f3", "d")
        assert len(store.list()) == 1
        await c.pilot.press("d")
        assert store.list() == []


async def test_new_begins_a_session_without_history(chat: OpenChat, store: SessionStore) -> None:
    """/new: what was asked before is neither shown nor sent along; it stays saved."""
    async with chat(script(answer("One?")), script(answer("Two?"))) as c:
        await c.ask("One?")
        await c.type("/new")
        await c.pilot.press("enter")
        await c.until(lambda: not c.turns)
        await c.ask("Two?")
        assert c.engine.asked[1] == ("Two?", ())
    assert len(store.list()) == 2


async def test_export_writes_the_session(chat: OpenChat, tmp_path: Path) -> None:
    """/export FILE writes Markdown or JSON with every source's passage, and says where."""
    target = tmp_path / "with blank" / "t.json"
    target.parent.mkdir()
    async with chat(script(answer())) as c:
        await c.ask()
        await c.type(f"/export {target}")
        await c.pilot.press("enter")
        await c.until(lambda: target.exists())
        assert str(target) in c.status
    (exported,) = json.loads(target.read_text("utf-8"))["answers"]
    assert exported["sources"][1]["text"] == answer().sources[1].text


async def test_export_without_a_name_chooses_one(
    chat: OpenChat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/export alone writes Markdown into the working folder, again after each further answer."""
    monkeypatch.chdir(tmp_path)
    async with chat(script(answer()), script(answer())) as c:
        for _ in range(2):
            await c.ask()
            await c.type("/export")
            await c.pilot.press("enter")
            await c.until(lambda: c.status.startswith("Saved to"))
    assert {path.name[-5:] for path in _written(tmp_path)} == {"-1.md", "-2.md"}


@pytest.mark.parametrize("typed", ["/export", "/export x.pdf", "/export /no/such/folder/x.md"])
async def test_an_export_that_cannot_be_says_why(chat: OpenChat, typed: str) -> None:
    """Nothing to export, a format that is none, a folder that is not there: an error in words, the chat goes on."""
    async with chat(script(answer())) as c:
        if typed != "/export":
            await c.ask()
        await c.type(typed)
        await c.pilot.press("enter")
        await c.until(lambda: c.screen.status.has_class("-error"))


async def test_an_unknown_command_is_no_question(chat: OpenChat) -> None:
    """/exprot goes to no server; it stays in the prompt to be mended."""
    async with chat() as c:
        await c.type("/exprot x.md")
        await c.pilot.press("enter")
        await c.until(lambda: c.status == "There is no command /exprot; /help lists them.")
        assert c.prompt.text == "/exprot x.md"
        assert c.engine.asked == []


async def test_help_opens_by_command_and_key(chat: OpenChat) -> None:
    """/help and F1 show all keys; Esc closes them."""
    async with chat() as c:
        await c.type("/help")
        await c.pilot.press("enter")
        await c.until(lambda: isinstance(c.app.screen, HelpScreen))
        await c.pilot.press("escape", "f1")
        assert isinstance(c.app.screen, HelpScreen)


async def test_the_prompt_takes_several_lines(chat: OpenChat) -> None:
    """Ctrl+J breaks the line, a paste keeps its line breaks and loses its escapes, Enter sends it all."""
    async with chat(script(answer())) as c:
        await c.pilot.press("a", "ctrl+j", "b", "ctrl+j")
        c.app.post_message(Paste("c\r\nd\x1b[31m\x07e"))
        await c.until(lambda: c.prompt.text == "a\nb\nc\nde")
        assert c.prompt.outer_size.height == 6
        await c.pilot.press("enter")
        await c.until(lambda: c.engine.asked)
        assert c.engine.asked[0][0] == "a\nb\nc\nde"


async def test_earlier_questions_come_back_by_arrow(chat: OpenChat) -> None:
    """Up and Down walk through what was asked, as in a shell."""
    async with chat(script(answer("One?")), script(answer("Two?"))) as c:
        await c.ask("One?")
        await c.ask("Two?")
        await c.pilot.press("up", "up")
        assert c.prompt.text == "One?"
        await c.pilot.press("down")
        assert c.prompt.text == "Two?"


async def test_dark_and_light(chat: OpenChat) -> None:
    """Ctrl+T switches, and switches back."""
    async with chat() as c:
        dark = [c.app.current_theme.dark]
        for _ in range(2):
            await c.pilot.press("ctrl+t")
            dark.append(c.app.current_theme.dark)
        assert dark == [True, False, True]


async def test_ctrl_c_asks_before_it_quits(chat: OpenChat) -> None:
    """One reflexive Ctrl+C loses nothing; the second leaves."""
    async with chat() as c:
        await c.pilot.press("ctrl+c")
        assert c.status == "Ctrl+C once more quits; so does Ctrl+Q."
        assert c.app.return_code is None
        await c.pilot.press("ctrl+c")
        assert c.app.return_code == 0


async def test_the_palette_has_our_commands(chat: OpenChat) -> None:
    """What has a key can be found by name too."""
    async with chat() as c:
        titles = {command.title for command in c.app.get_system_commands(c.app.screen)}
        assert {"New session", "Sessions", "Export to Markdown", "Sources", "Help", "Quit"} <= titles


@SIZES
async def test_a_notice_stays_in_sight(chat: OpenChat, size: tuple[int, int]) -> None:
    """That the corpus is a sample is on screen before and after an answer."""
    async with chat(script(answer()), size=size, notice="Sample corpus. Not medical advice.") as c:
        await c.ask()
        assert c.shown("#notice") == "Sample corpus. Not medical advice."
        assert c.screen.query_one("#notice").region.height == 1


@pytest.mark.parametrize(("height", "rows"), [(12, 8), (24, 12)])
async def test_a_low_terminal_shows_the_conversation(chat: OpenChat, height: int, rows: int) -> None:
    """Where rows are few they go to the answer, not to the notice, the keys and a border; the prompt stays usable."""
    async with chat(script(answer()), size=(40, height), notice="Sample corpus. Not medical advice.") as c:
        await c.ask()
        assert c.screen.query_one("Conversation").region.height >= rows
        await c.type("And?")
        assert c.prompt.size.height >= 1
        assert c.screen.query_one("Footer").display == (height == 24)


def test_a_session_that_is_not_there_is_refused_before_the_screen_opens(settings: SettingsFactory) -> None:
    """A wrong id is an error of the command, not an empty chat."""
    with pytest.raises(InputError, match="no session"):
        run_chat(settings(), session_id="20260101-000000-000000-abcdef")


def _written(folder: Path) -> list[Path]:
    return list(folder.glob("citewell-*.md"))
