"""Sessions survive a kill, a torn line and a full list; nobody else can read them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assistant.records.sessions import SessionStore
from configs.errors import InputError
from tests.assistant.records.examples import answer


class Clock:
    """A clock that goes on by a second each time it is read."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Tell the time."""
        self.time += timedelta(seconds=1)
        return self.time


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    """Give a store whose folder does not exist yet."""
    return SessionStore(tmp_path / "citewell" / "sessions", Clock())


def file_of(store: SessionStore, session_id: str) -> Path:
    """Name the file of a session."""
    return store.folder / f"{session_id}.jsonl"


def test_a_reopened_session_has_every_answer_with_its_sources(store: SessionStore) -> None:
    """What was answered comes back whole and in order: text, sentences, sources, warnings, model."""
    first, second = (
        answer("What does metformin do?"),
        answer("And in pregnancy? 妊娠期呢？", warnings=("searched by words alone",)),
    )
    session = store.create()
    store.append(session.id, first)
    store.append(session.id, second)
    loaded = store.load(session.id)
    assert loaded.answers == (first, second)
    assert (loaded.id, loaded.created, loaded.title) == (
        session.id,
        session.created,
        "What does metformin do?",
    )
    assert loaded.updated > loaded.created
    assert loaded.damaged == ()


def test_a_session_in_which_nothing_was_asked_leaves_nothing_behind(store: SessionStore) -> None:
    """Opening the chat and closing it again writes no file, so the list does not fill with empty sessions."""
    session = store.create()
    assert not store.folder.exists()
    assert store.list() == []
    with pytest.raises(InputError, match="there is no session"):
        store.load(session.id)


def test_only_the_owner_can_read_a_session(store: SessionStore) -> None:
    """Questions may concern patients: the folder is 700 and files are 600, whatever the umask or an earlier mode."""
    store.folder.mkdir(parents=True, mode=0o755)
    before = os.umask(0)
    try:
        session = store.create()
        store.append(session.id, answer())
    finally:
        os.umask(before)
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert file_of(store, session.id).stat().st_mode & 0o777 == 0o600
    file_of(store, session.id).chmod(0o644)
    store.append(session.id, answer())
    assert file_of(store, session.id).stat().st_mode & 0o777 == 0o600


KEEPS_APPENDING = """
import sys
from pathlib import Path
from assistant.records.sessions import SessionStore
from tests.assistant.records.examples import answer, source
store = SessionStore(Path(sys.argv[1]))
session = store.create()
print(session.id, flush=True)
for n in range(100_000):
    store.append(session.id, answer(f"question {n}", sources=(source(text="x" * 50_000),)))
    print(n, flush=True)
"""


def test_a_kill_loses_no_answer_that_was_stored(store: SessionStore) -> None:
    """After kill -9 in the midst of saving, every answer whose saving had ended is there, and the session goes on."""
    repository = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", KEEPS_APPENDING, str(store.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=repository) as process:
        assert process.stdout is not None
        session_id = process.stdout.readline().strip()
        for _ in range(20):
            acknowledged = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    store.append(session_id, answer("the one after"))
    asked = [answer.question for answer in store.load(session_id).answers]
    assert asked[: acknowledged + 1] == [f"question {n}" for n in range(acknowledged + 1)]
    assert asked[-1] == "the one after"
    assert store.list()[0].turns == len(asked)


@pytest.mark.parametrize("kept", [1, 30, -1])
def test_a_torn_last_line_costs_that_answer_alone(store: SessionStore, kept: int) -> None:
    """A line cut short by a kill is skipped; the next answer goes on a line of its own and is counted right."""
    session = store.create()
    for question in ("one", "two", "three"):
        store.append(session.id, answer(question))
    path = file_of(store, session.id)
    *whole, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole) + last.rstrip(b"\n")[:kept])
    assert [a.question for a in store.load(session.id).answers] == ["one", "two"]
    assert store.list()[0].turns == 2
    store.append(session.id, answer("four"))
    loaded = store.load(session.id)
    assert [a.question for a in loaded.answers] == ["one", "two", "four"]
    assert loaded.damaged == (4,)
    assert store.list()[0].turns == 3


def test_a_damaged_line_in_the_middle_is_told_and_the_rest_is_read(store: SessionStore) -> None:
    """A disk's fault in one answer loses that answer; the session says which line it was."""
    session = store.create()
    for question in ("one", "two", "three"):
        store.append(session.id, answer(question))
    path = file_of(store, session.id)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b"\xff\x00" + lines[2][2:]
    path.write_bytes(b"".join(lines))
    loaded = store.load(session.id)
    assert [a.question for a in loaded.answers] == ["one", "three"]
    assert loaded.damaged == (3,)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[" * 100_000,
        b"\x00" * 4096,
        b'"citewell_session"\n',
        b'{"answer": [], "at": "2026-11-21", "turn": 1}\n',
        b"null\n1\n",
    ],
    ids=["empty", "blank", "object", "deep", "zeros", "string", "no answer", "scalars"],
)
def test_a_file_with_nothing_readable_is_named_with_its_line(store: SessionStore, content: bytes) -> None:
    """The error of a wholly damaged session names file and line; the list still shows it, so that it can be deleted."""
    session = store.create()
    store.append(session.id, answer())
    path = file_of(store, session.id)
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        store.load(session.id)
    assert raised.value.where == f"{path}:1"
    assert [(s.id, s.title, s.turns) for s in store.list()] == [(session.id, "(cannot be read)", 0)]
    store.delete(session.id)
    assert store.list() == []


def test_a_session_whose_first_line_is_damaged_keeps_its_title(store: SessionStore) -> None:
    """The title comes from the answers themselves where the line that repeats it for the list is gone."""
    session = store.create()
    store.append(session.id, answer("What is sepsis?"))
    path = file_of(store, session.id)
    path.write_bytes(b"?" + path.read_bytes()[1:])
    assert [(s.title, s.turns) for s in store.list()] == [("What is sepsis?", 1)]


def test_the_list_is_newest_first_and_a_continued_session_moves_up(store: SessionStore) -> None:
    """The list goes by the last answer, not by when a session was begun, and counts its turns."""
    old, new = store.create(), store.create()
    store.append(old.id, answer("old"))
    store.append(new.id, answer("new"))
    assert [s.title for s in store.list()] == ["new", "old"]
    store.append(old.id, answer("more"))
    assert [(s.title, s.turns) for s in store.list()] == [("old", 2), ("new", 1)]
    assert store.list()[0].updated == store.load(old.id).updated


def test_the_list_does_not_read_what_lies_between_title_and_end(store: SessionStore) -> None:
    """Thousands of long sessions are listed at once, because the answers in them are not read."""
    session = store.create()
    for n in range(3):
        store.append(session.id, answer(f"question {n}"))
    path = file_of(store, session.id)
    head, *_, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(head + b"not even JSON\n" + last)
    assert [(s.title, s.turns) for s in store.list()] == [("question 0", 3)]


def test_a_long_question_of_many_lines_makes_a_short_title(store: SessionStore) -> None:
    """A title is one line of at most 80 characters and carries no terminal escapes or reordered letters."""
    session = store.create()
    store.append(session.id, answer("A man of 54\n\n\x1b[31mwith \u202echest pain" + " and more" * 2_000))
    title = store.list()[0].title
    assert title.startswith("A man of 54 with chest pain and more")
    assert len(title) <= 80
    assert title.endswith("…")
    assert title == store.load(session.id).title


def test_text_that_utf8_cannot_hold_is_saved_all_the_same(store: SessionStore) -> None:
    """Half a surrogate pair, pasted from a broken source, neither stops the saving nor changes on the way."""
    session = store.create()
    asked = answer("lone \ud83d half, \u2028 separator, \x00 null")
    store.append(session.id, asked)
    assert store.load(session.id).answers == (asked,)


@pytest.mark.parametrize(
    "session_id",
    [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "/etc/passwd",
        "20261121-093000-123456-7c1e09/../x",
        "20261121-093000-123456-7c1e09\n",
        "20261321-093000-123456-7c1e09",
        "20261121-093000-123456-7C1E09",
        "２0261121-093000-123456-7c1e09",
        "a\x1b[2Jb",
    ],
)
def test_what_is_no_id_is_refused_before_any_file_is_touched(store: SessionStore, session_id: str) -> None:
    """An id from a command line can never become a path; the error repeats it without its terminal escapes."""
    for call in (store.load, store.delete, lambda given: store.append(given, answer())):
        with pytest.raises(InputError, match="is no session id") as raised:
            call(session_id)
        assert "\x1b" not in str(raised.value)
    assert not store.folder.exists()


def test_ids_sort_by_the_time_they_were_made(tmp_path: Path) -> None:
    """A folder listing is in order of time, even within one second."""
    begun = datetime(2026, 11, 21, 23, 59, 59, 999_990, tzinfo=UTC)
    times = [begun + timedelta(microseconds=n) for n in range(30)]
    clock = iter(times)
    store = SessionStore(tmp_path, lambda: next(clock))
    sessions = [store.create() for _ in times]
    assert [s.id for s in sessions] == sorted(s.id for s in sessions)
    assert [s.created for s in sessions] == times


def test_times_are_utc_wherever_the_clock_stands(tmp_path: Path) -> None:
    """A session begun in Shanghai sorts right among those begun in London."""
    from zoneinfo import ZoneInfo

    session = SessionStore(tmp_path, lambda: datetime(2026, 11, 21, 8, 0, tzinfo=ZoneInfo("Asia/Shanghai"))).create()
    assert session.id.startswith("20261121-000000-000000-")
    assert session.created == datetime(2026, 11, 21, tzinfo=UTC)


def test_deleting_removes_it_for_good_and_says_so_when_there_is_none(store: SessionStore) -> None:
    """A deleted session is gone from disk; deleting it again is an error, not a silent success."""
    session = store.create()
    store.append(session.id, answer())
    store.delete(session.id)
    assert list(store.folder.iterdir()) == []
    with pytest.raises(InputError, match="there is no session"):
        store.delete(session.id)


def test_other_files_in_the_folder_are_left_alone(store: SessionStore) -> None:
    """A note or a backup in the folder is not taken for a session."""
    session = store.create()
    store.append(session.id, answer())
    (store.folder / "notes.jsonl").write_text("mine")
    (store.folder / f"{session.id}.jsonl.bak").write_text("mine")
    assert [s.id for s in store.list()] == [session.id]


def test_a_disk_that_cannot_be_written_is_an_error_that_says_so(store: SessionStore, tmp_path: Path) -> None:
    """A chat must be able to say that its answer was not saved, and why."""
    (tmp_path / "citewell").write_text("a file where the folder should be")
    with pytest.raises(InputError, match="could not be saved"):
        store.append(store.create().id, answer())


def test_each_line_is_json_that_other_tools_can_read(store: SessionStore) -> None:
    """Sessions are plain JSON lines: a person can get at the answers without citewell."""
    session = store.create()
    store.append(session.id, answer("发热怎么办？"))
    head, line = file_of(store, session.id).read_text("utf-8").splitlines()
    assert json.loads(head) == {"citewell_session": 1, "title": "发热怎么办？"}
    assert json.loads(line)["answer"]["question"] == "发热怎么办？"
    assert "发热" in line
