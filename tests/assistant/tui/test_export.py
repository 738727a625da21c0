"""What `/export` does with what was typed behind it: a file, the name of a form, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.records.sessions import SessionStore
from assistant.records.verification import verify
from assistant.tui.dialogue import Dialogue, open_engine
from configs.errors import InputError
from configs.settings import Settings
from tests.assistant.records.examples import answer


@pytest.fixture
def dialogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dialogue:
    """A dialogue that took up a session, in a folder of its own."""
    settings = Settings(data_dir=tmp_path / "data")
    store = SessionStore(settings.data_dir / "sessions")
    store.append(store.create().id, answer())
    dialogue = Dialogue(settings, open_engine)
    dialogue.resume("latest")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return dialogue


@pytest.mark.parametrize("form", ["", "md", "html", "json", "bib", "ris", "csl.json"])
def test_the_name_of_a_form_is_enough(dialogue: Dialogue, form: str) -> None:
    """`/export html` chooses a name that ends so; `/export` alone means Markdown."""
    written = dialogue.export(form)
    assert written.name.startswith("citewell-2")
    assert written.name.endswith(f"-1.{form or 'md'}")
    assert [path.name for path in Path.cwd().iterdir()] == [written.name]


@pytest.mark.parametrize("name", ["report.html", "report.json", "report.md"])
def test_a_file_is_written_in_the_form_of_its_suffix(dialogue: Dialogue, tmp_path: Path, name: str) -> None:
    """And it verifies; one that is there stays."""
    written = dialogue.export(str(tmp_path / name))
    assert [one for one in verify(written).findings if "hash" in one.what and one.level == "failed"] == []
    with pytest.raises(InputError, match="not overwritten"):
        dialogue.export(str(tmp_path / name))
