"""`citewell sessions` and `citewell transcript`: found, shown, written out, verified and deleted from the shell."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from assistant.answering.answer import Answer, Answered
from assistant.answering.engine import Engine
from assistant.records.sessions import SessionStore
from configs.settings import Settings
from tests.assistant.answering.examples import RECORDS, fill
from tests.assistant.commands.conftest import Called, Home, lines, told

pytestmark = pytest.mark.xdist_group("sessions")
QUESTION = "What is the first-line drug for type 2 diabetes?"


async def _answered(settings: Settings) -> Answer:
    engine = await Engine.open(settings)
    try:
        (answer,) = [event.answer async for event in engine.ask(QUESTION) if isinstance(event, Answered)]
    finally:
        await engine.close()
    return answer


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """An answer from an index of `RECORDS`."""
    home = Home(tmp_path_factory.mktemp("asked"))
    (home.folder / "records.jsonl").write_text(lines(RECORDS), "utf-8")
    settings = Settings(data_dir=home.data)
    asyncio.run(fill(settings, home.folder / "records.jsonl"))
    return asyncio.run(_answered(settings))


@pytest.fixture
def ids(home: Home, asked: Answer) -> list[str]:
    """Two sessions, the first with two answers."""
    store = SessionStore(home.data / "sessions")
    made = [store.create().id for _ in range(2)]
    for session_id in (made[0], *made):
        store.append(session_id, asked)
    return made


def test_sessions_are_listed_the_latest_first(home: Home, called: Called, ids: list[str]) -> None:
    """In words and as JSON: id, times, number of answers, size, title."""
    listed = json.loads(called(home, "sessions", "list", "--json").stdout)
    assert [(one["id"], one["answers"], one["title"]) for one in listed] == [
        (ids[1], 1, QUESTION),
        (ids[0], 2, QUESTION),
    ]
    assert {"created", "updated", "bytes", "readable"} <= set(listed[0])
    shown = called(home, "sessions", "list").stdout.splitlines()
    assert shown[0].startswith(ids[1])
    assert shown[0].endswith(QUESTION)


def test_without_sessions_every_command_says_so(home: Home, called: Called) -> None:
    """A fresh machine: nothing to list, nothing found, an error in words for what names one."""
    assert called(home, "sessions", "list", "--json").stdout == "[]\n"
    assert "There is no session yet" in called(home, "sessions", "list").stdout
    assert called(home, "sessions", "search", "x", "--json").stdout == "[]\n"
    told(called(home, "sessions", "show", "latest"), 2, "there is no session", "sessions list")


def test_a_session_is_shown_by_the_beginning_of_its_id(home: Home, called: Called, ids: list[str]) -> None:
    """Questions and answers as `ask` prints them; `--json` is the transcript."""
    shown = called(home, "sessions", "show", ids[0][:-2]).stdout
    assert shown.count(f": {QUESTION}") == 2
    assert "“Metformin is the first-line drug for type 2 diabetes.” [1]" in shown
    transcript = json.loads(called(home, "sessions", "show", "latest", "--json").stdout)
    assert (transcript["session"]["id"], len(transcript["answers"])) == (ids[1], 1)
    told(called(home, "sessions", "show", ids[0][:8]), 2, "2 sessions begin with", "Give more of the id")


def test_what_was_said_is_found_again(home: Home, called: Called, ids: list[str]) -> None:
    """With the answer's number and a snippet; a damaged session is named, and the status tells of it."""
    found = json.loads(called(home, "sessions", "search", "diabetes", "first-line", "--json").stdout)
    assert [(one["session"], one["answer"], one["place"]) for one in found] == [
        (ids[1], 1, "question"),
        (ids[0], 1, "question"),
        (ids[0], 2, "question"),
    ]
    (home.data / "sessions" / f"{ids[1]}.jsonl").write_text("torn")
    ran = called(home, "sessions", "search", "diabetes")
    assert ran.returncode == 3
    assert ids[1] in ran.stderr
    assert f"{ids[0]}  answer 1: {QUESTION}" in ran.stdout


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("a.md", "# Transcript"),
        ("a.html", "<!doctype html>"),
        ("a.json", "{"),
        ("a.bib", "@article{metformin2021-"),
        ("a.ris", "TY  - JOUR"),
        ("a.csl.json", "["),
    ],
)
def test_the_suffix_chooses_the_form(
    home: Home, called: Called, ids: list[str], tmp_path: Path, name: str, begin: str
) -> None:
    """Each form is written, to its owner alone, and not over a file unless forced; `--format` to a pipe gives the same."""
    target = tmp_path / name
    command = ("sessions", "export", ids[0], str(target))
    assert called(home, *command).stdout == f"Saved to {target}\n"
    assert target.read_text("utf-8").startswith(begin)
    assert target.stat().st_mode & 0o777 == 0o600
    told(called(home, *command), 1, "not overwritten", "--force")
    assert json.loads(called(home, *command, "--force", "--json").stdout)["bytes"] == target.stat().st_size
    piped = called(home, "sessions", "export", ids[0], "--format", name[2:]).stdout
    assert piped.encode() == target.read_bytes()


def test_a_session_is_deleted_only_when_that_is_meant(home: Home, called: Called, ids: list[str]) -> None:
    """Without a terminal to ask, `--yes` is needed; then it is gone for good."""
    told(called(home, "sessions", "delete", ids[0]), 2, "--yes")
    assert json.loads(called(home, "sessions", "delete", ids[0], "--yes", "--json").stdout) == {"deleted": [ids[0]]}
    assert [one["id"] for one in json.loads(called(home, "sessions", "list", "--json").stdout)] == [ids[1]]


def test_a_terminal_is_asked_before_anything_is_deleted(home: Home, ids: list[str]) -> None:
    """It names the session; anything but yes leaves it."""
    with home.terminal("sessions", "delete", ids[0]) as terminal:
        assert QUESTION in terminal.until("[y/N]")
        terminal.type("n\r")
        assert terminal.end() == 130
    assert len(SessionStore(home.data / "sessions").list()) == 2


def test_a_transcript_is_verified_with_its_index_and_without(
    home: Home, called: Called, ids: list[str], tmp_path: Path
) -> None:
    """0 where all holds, with a word on an index that is not here; 3 where that was made anew; 1 where it was edited."""
    target = tmp_path / "a.html"
    called(home, "sessions", "export", ids[0], str(target))
    ran = called(home, "transcript", "verify", str(target))
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "Verified.")
    assert "index default: not compared: " in ran.stdout
    assert called(home, "transcript", "verify", str(target), "--offline").returncode == 0

    (home.folder / "records.jsonl").write_text(lines(RECORDS), "utf-8")
    asyncio.run(fill(Settings(data_dir=home.data), home.folder / "records.jsonl"))
    ran = called(home, "transcript", "verify", str(target), "--json")
    assert ran.returncode == 3
    report = json.loads(ran.stdout)
    assert (report["status"], report["indexes"]) == ("changed", [{"name": "default", "result": "compared"}])
    assert {source["state"] for source in report["sources"]} == {"unchanged"}

    target.write_text(target.read_text("utf-8").replace("1.1 %", "2.1 %"), "utf-8")
    ran = called(home, "transcript", "verify", str(target), "--offline")
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (1, "Failed.")
    assert "was edited" in ran.stdout


def test_a_transcript_is_written_out_in_another_form(
    home: Home, called: Called, ids: list[str], tmp_path: Path
) -> None:
    """Whoever is sent a page gets its references and its JSON from it; an edited one is refused."""
    page = tmp_path / "a.html"
    called(home, "sessions", "export", ids[0], str(page))
    assert called(home, "transcript", "export", str(page), "--format", "ris").stdout.startswith("TY  - JOUR")
    called(home, "transcript", "export", str(page), str(tmp_path / "b.json"))
    called(home, "sessions", "export", ids[0], str(tmp_path / "c.json"))
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "c.json").read_bytes()
    page.write_text(page.read_text("utf-8").replace("1.1 %", "2.1 %"), "utf-8")
    told(called(home, "transcript", "export", str(page), "--format", "ris"), 1, "was edited", "transcript verify")
