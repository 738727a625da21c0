"""Earlier sessions are found by what was said in them, and named by the beginning of their id."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.records.session_search import search
from assistant.records.sessions import SessionStore
from configs.errors import InputError
from tests.assistant.records.examples import answer, source
from tests.assistant.records.test_sessions import Clock


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    """Three sessions: on metformin, on naïve patients, and a damaged one."""
    store = SessionStore(tmp_path / "sessions", Clock())
    for question, text in (("What does metformin do?", "It lowers HbA1c [1]."), ("二甲双胍？", "Naïve PATIENTS [1].")):
        session = store.create()
        store.append(session.id, answer(question, text=text, sources=(source(text="Kidneys clear it. " * 40),)))
    (store.folder / f"{store.create().id}.jsonl").write_text("torn")
    return store


@pytest.mark.parametrize(
    ("words", "places"),
    [
        ("METFORMIN", ["question", "source"]),  # the second's source is titled so
        ("metformin hba1c", ["question"]),
        ("naive patients", ["answer"]),
        ("二甲双胍", ["question"]),
        ("kidneys", ["source", "source"]),
        ("aspirin", []),
        ("  ", []),
    ],
)
def test_words_are_found_wherever_they_stand(store: SessionStore, words: str, places: list[str]) -> None:
    """In question, answer or source, whatever the case and the accents; all words must be there."""
    found = list(search(store, words, lambda _: None))
    assert sorted(match.place for match in found) == sorted(places)


def test_a_snippet_shows_the_place_and_a_damaged_session_is_named(store: SessionStore) -> None:
    """The passage is cut around the word; what cannot be read is told and does not end the search."""
    told: list[InputError] = []
    found = list(search(store, "clear", told.append))
    assert len(found) == 2
    assert found[0].updated > found[1].updated
    assert "Kidneys clear it." in found[0].snippet
    assert found[0].snippet.endswith(" …")
    assert len(found[0].snippet) < 250
    assert ["none of its answers can be read" in error.what for error in told] == [True]


def test_an_id_may_be_shortened_while_it_is_plain_which(store: SessionStore) -> None:
    """A beginning that several share is refused with their ids; `latest` is the last one answered in."""
    ids = [summary.id for summary in store.list()]
    readable = [one.id for one in store.list() if one.readable]
    for whole in ids:
        assert store.find(whole) == store.find(whole[:-2]) == whole
    assert store.find("latest") == ids[0]
    with pytest.raises(InputError, match="3 sessions begin with"):
        store.find("2026")
    for other in ("1999", "", "../", "*", readable[0] + "x"):
        with pytest.raises(InputError, match="there is no session"):
            store.find(other)


def test_the_list_tells_sizes_and_what_cannot_be_read(store: SessionStore) -> None:
    """Sizes are those of the files, times are in order, a damaged session is there to be deleted."""
    listed = store.list()
    assert [one.bytes for one in listed] == [(store.folder / f"{one.id}.jsonl").stat().st_size for one in listed]
    assert sorted(one.readable for one in listed) == [False, True, True]
    assert listed == sorted(listed, key=lambda one: one.updated, reverse=True)
