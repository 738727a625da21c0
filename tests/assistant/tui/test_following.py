"""A chat that is open while its index is made anew: the next question is asked of the new one, and that is said once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from assistant.answering.answer import Answer, Answered, Failed, Retrieved
from assistant.answering.engine import Engine
from assistant.commands.chat import opener
from assistant.tui import describe
from assistant.tui.dialogue import Dialogue
from configs.errors import IndexMismatch, IndexReplaced
from configs.loading import load
from ingest import pipeline
from ingest.rebuild import rebuild
from tests.assistant.tui.conftest import WIDE
from tests.assistant.tui.scripted import answer, script
from tests.support.corpora import Watcher, records

if TYPE_CHECKING:
    from pathlib import Path

    from configs.settings import Settings
    from tests.assistant.tui.conftest import OpenChat
    from tests.conftest import CorpusWriter
    from tests.support.openai_server import OpenAIServer

QUESTION = "How many patients with diabetes were given warfarin in trial 1?"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's file, empty."""
    path = tmp_path / "config.toml"
    path.touch()
    monkeypatch.setenv("CITEWELL_CONFIG", str(path))
    return path


def write(config: Path, text: str) -> None:
    """What the user's file says from now on."""
    config.write_text(text, "utf-8")


async def asked(dialogue: Dialogue) -> Answer:
    """The answer to the question, kept as the chat keeps it."""
    events = [event async for event in dialogue.ask(QUESTION)]
    assert isinstance(events[-1], Answered), events[-1]
    assert sum(isinstance(event, Retrieved) for event in events) == 1
    dialogue.keep(events[-1].answer)
    return events[-1].answer


async def filled(home: Settings, corpus: CorpusWriter) -> None:
    """An index of some records."""
    await pipeline.ingest([str(corpus(records(20, arm="drug")))], home, Watcher())


async def test_the_next_question_is_asked_of_the_new_index(
    either_home: dict[str, Any], config: Path, corpus: CorpusWriter
) -> None:
    """Cut anew by what the user's file says now; the chat, opened before that, needs no restart."""
    loaded = load(flags=either_home)
    await filled(loaded.settings, corpus)
    dialogue = Dialogue(loaded.settings, opener(loaded))
    before = await asked(dialogue)
    write(config, "[chunking]\nsize = 16\noverlap = 0\n")
    await rebuild([], load(flags=either_home).settings, Watcher())
    after, later = await asked(dialogue), await asked(dialogue)
    await dialogue.close()
    assert before.index_id != after.index_id == later.index_id
    assert [describe.ANEW in one.warnings for one in (before, after, later)] == [False, True, False]


async def test_it_is_asked_in_the_new_embedders_terms(
    either_home: dict[str, Any], config: Path, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """An index that had no vectors has them now: the question is embedded, too."""
    loaded = load(flags=either_home)
    await filled(loaded.settings, corpus)
    dialogue = Dialogue(loaded.settings, opener(loaded))
    await asked(dialogue)
    write(config, f'[embedding]\nprovider = "openai"\nurl = "{openai_server.url}"\n[cache]\nkind = "none"\n')
    await rebuild([], load(flags=either_home).settings, Watcher())
    engine = await dialogue.open()
    events = [event async for event in dialogue.ask(QUESTION)]
    assert dialogue.engine is not engine
    retrieved = next(event for event in events if isinstance(event, Retrieved))
    await dialogue.close()
    assert retrieved.found is not None
    assert retrieved.found.trace is not None
    assert retrieved.found.trace.candidates.dense


async def test_a_filter_is_set_on_the_new_index(
    either_home: dict[str, Any], config: Path, corpus: CorpusWriter
) -> None:
    """/filter after the rebuild and before any question works, too."""
    del config
    loaded = load(flags=either_home)
    await filled(loaded.settings, corpus)
    dialogue = Dialogue(loaded.settings, opener(loaded))
    await dialogue.open()
    await rebuild([], loaded.settings, Watcher())
    assert await dialogue.narrow("arm:3x") == "No record passes the filter arm:3x"
    assert await dialogue.narrow("has:arm") == ""
    assert (await asked(dialogue)).filter == "has:arm"
    await dialogue.close()


async def test_settings_that_nothing_says_are_told(
    either_home: dict[str, Any], config: Path, corpus: CorpusWriter
) -> None:
    """Made anew with flags that no file knows: the error names them, at every question, until they are."""
    del config
    loaded = load(flags=either_home)
    await filled(loaded.settings, corpus)
    dialogue = Dialogue(loaded.settings, opener(loaded))
    await asked(dialogue)
    await rebuild([], load(flags=either_home | {"lexical.k": 2.0}).settings, Watcher())
    for _ in range(2):
        events = [event async for event in dialogue.ask(QUESTION)]
        assert isinstance(events[-1], Failed)
        assert isinstance(events[-1].error, IndexMismatch)
        assert "lexical.k=2.0" in events[-1].error.fix
    await dialogue.close()


async def test_the_status_line_says_so_once(chat: OpenChat) -> None:
    """And the answer carries the note; the one after it does not."""
    gone = Failed(IndexReplaced("index “default” was made anew meanwhile"))
    async with chat([gone], script(answer()), script(answer()), size=WIDE) as c:
        view = await c.ask()
        assert "made anew" in c.status
        assert view.answer is not None
        assert describe.ANEW in view.answer.warnings
        assert (c.engine.closed, c.opener.calls) == (True, 2)
        await c.ask("And now?")
        assert "made anew" not in c.status


async def test_what_is_written_when_the_exchange_comes_is_kept(
    config: Path, corpus: CorpusWriter, tmp_path: Path, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model has read the old one's passages: its answer stands, and says what could not be looked up any more."""
    del config
    loaded = load(flags={"data_dir": str(tmp_path / "data"), "generation.url": openai_server.url})
    await filled(loaded.settings, corpus)
    stream = Engine._resolved

    def cut_off(engine: Engine, *given: Any) -> Answer:
        monkeypatch.setattr(engine._searcher, "term_weights", _gone)
        return replace(stream(engine, *given), warnings=())

    monkeypatch.setattr(Engine, "_resolved", cut_off)
    dialogue = Dialogue(loaded.settings, opener(loaded))
    told = await asked(dialogue)
    await dialogue.close()
    assert told.status == "answered"
    assert any("not estimated" in warning for warning in told.warnings)


async def _gone(*_: object) -> dict[int, float]:
    raise IndexReplaced("index “default” was made anew meanwhile")
