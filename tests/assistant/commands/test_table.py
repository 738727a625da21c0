"""`citewell ask --file --table`: many questions over a real server, killed and gone on with, a row for each."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.assistant.commands.conftest import Called, Home, told
from tests.support import faults
from tests.support.openai_server import OpenAIServer

QUESTIONS = (
    "What is the first-line drug for type 2 diabetes?",
    "Does metformin cure baldness in zyzzyvas?",
    "布洛芬最多多少？",
)
Ended = Callable[[subprocess.Popen[bytes]], subprocess.Popen[bytes]]


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """The questions, one a line."""
    path = tmp_path / "questions.txt"
    path.write_text("\n".join(QUESTIONS) + "\n\n", "utf-8")
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    """A CSV as other programs read it."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_question_gets_its_row_in_order(sample: Home, called: Called, questions: Path, tmp_path: Path) -> None:
    """Without a model: quotes, abstentions and Chinese; run again, nothing is asked and nothing changes."""
    table = tmp_path / "evidence.csv"
    ran = called(sample, "ask", "--file", str(questions), "--table", str(table))
    assert (ran.returncode, ran.stdout) == (0, f"3 of 3 questions answered: {table}\n")
    rows = rows_of(table)
    assert [row["question"] for row in rows] == list(QUESTIONS)
    assert [row["status"] for row in rows] == ["answered", "abstained", "answered"]
    assert (rows[0]["year"], rows[0]["journal"]) == ("2021", "Example Medicine")
    before = table.read_bytes()
    ran = called(sample, "ask", "--file", str(questions), "--table", str(table), "--json")
    assert json.loads(ran.stdout) == {"table": str(table), "questions": 3, "failed": 0}
    assert "3 of 3 questions are answered" in ran.stderr
    assert table.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.csv", 'id,Question\n1,"Metformin, what for?"\n2,Aspirin?\n'),
        ("q.tsv", "question\tid\nMetformin, what for?\t1\nAspirin?\t2\n"),
        ("q.jsonl", '{"question": "Metformin, what for?"}\n\n{"id": 2, "question": "Aspirin?"}\n'),
        ("q.txt", "\ufeffMetformin, what for?\r\n\r\n  Aspirin?"),
    ],
)
def test_questions_come_in_every_usual_form(
    sample: Home, called: Called, name: str, content: str, tmp_path: Path
) -> None:
    """A column or a key called `question`, or a line each; without a table as lines of JSON."""
    (path := tmp_path / name).write_text(content, "utf-8")
    ran = called(sample, "ask", "--file", str(path), "--json")
    assert ran.returncode == 0
    assert [json.loads(line)["question"] for line in ran.stdout.splitlines()] == ["Metformin, what for?", "Aspirin?"]


def test_questions_come_from_standard_input(sample: Home) -> None:
    """`--file -` reads them from a pipe."""
    ran = sample.run("ask", "--file", "-", "--json", stdin="Aspirin?\nMetformin?\n")
    assert [json.loads(line)["question"] for line in ran.stdout.splitlines()] == ["Aspirin?", "Metformin?"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--file", "none.txt", "--table", "t.csv"], ["none.txt", "cannot be read"]),
        (["--file", "bad.csv", "--table", "t.csv"], ["no column “question”"]),
        (["--file", "bad.jsonl", "--table", "t.csv"], ["bad.jsonl:1", "“question”"]),
        (["--file", "empty.txt", "--table", "t.csv"], ["holds no question"]),
        (["--file", "bad.csv", "--table", "mine.csv"], []),
    ],
)
def test_what_cannot_be_read_is_named(
    sample: Home,
    called: Called,
    arguments: list[str],
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No table is begun, and no other file touched, for questions that cannot be read."""
    monkeypatch.chdir(tmp_path)
    for name, content in (("bad.csv", "a,b\n"), ("bad.jsonl", "[]\n"), ("empty.txt", " \n"), ("mine.csv", "mine")):
        Path(name).write_text(content)
    told(called(sample, "ask", *arguments), 1, *words)
    assert not Path("t.csv").exists()
    assert Path("mine.csv").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments", [["--table", "t.csv", "x"], ["--file", "q.txt"], ["--file", "q.txt", "a", "--json"]]
)
def test_flags_that_do_not_go_together_are_wrong_usage(sample: Home, called: Called, arguments: list[str]) -> None:
    """Status 2, before anything is opened."""
    told(called(sample, "ask", *arguments), 2)


def test_a_failed_question_is_a_row_and_is_asked_again(
    sample: Home, called: Called, questions: Path, tmp_path: Path, openai_server: OpenAIServer
) -> None:
    """Status 3 and the error in the row; the same command asks only what failed, and the order stays."""
    table = tmp_path / "evidence.csv"
    command = ("ask", "--file", str(questions), "--table", str(table))
    openai_server.reply = ["Metformin is the first-line drug [1]."]
    openai_server.faults.extend([None, faults.StreamError(after=1)])
    settings = {"CITEWELL_GENERATION__URL": openai_server.url, "CITEWELL_GENERATION__CONCURRENCY": "1"}
    ran = called(sample, *command, **settings)
    assert ran.returncode == 3
    assert "1 failed" in ran.stdout
    assert [row["status"] for row in rows_of(table)] == ["answered", "failed", "answered"]
    assert "overloaded" in rows_of(table)[1]["error"]

    before = len(openai_server.requests)
    assert called(sample, *command, **settings).returncode == 0
    assert len(openai_server.requests) == before + 1
    rows = rows_of(table)
    assert [row["question"] for row in rows] == list(QUESTIONS)
    assert [row["error"] for row in rows] == ["", "", ""]


def test_a_killed_run_goes_on_where_it_stopped(
    sample: Home, tmp_path: Path, openai_server: OpenAIServer, ended: Ended
) -> None:
    """Kill -9 in mid-run: rows that were written stay, only the rest is asked, each once."""
    questions, table = tmp_path / "q.txt", tmp_path / "evidence.csv"
    asked = [f"What does metformin do in case {n}?" for n in range(6)]
    questions.write_text("\n".join(asked), "utf-8")
    openai_server.reply = ["Metformin is the first-line drug [1]."]
    openai_server.faults.extend([None, None, None, faults.Hang()])
    settings = {"CITEWELL_GENERATION__URL": openai_server.url, "CITEWELL_GENERATION__CONCURRENCY": "1"}
    command = ("ask", "--file", str(questions), "--table", str(table))
    process = ended(sample.start(*command, **settings))
    openai_server.wait_for(4)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [row["question"] for row in rows_of(table)] == asked[:3]

    openai_server.release()
    before = len(openai_server.requests)
    ran = sample.run(*command, **settings)
    assert ran.returncode == 0, ran.stderr
    assert "3 of 6 questions are answered" in ran.stderr
    assert len(openai_server.requests) == before + 3
    assert [row["question"] for row in rows_of(table)] == asked


def test_several_questions_are_under_way_at_once(
    sample: Home, tmp_path: Path, openai_server: OpenAIServer, ended: Ended
) -> None:
    """As many as `generation.concurrency` says are with the server together, and the rows stay in order."""
    questions, table = tmp_path / "q.txt", tmp_path / "evidence.csv"
    asked = [f"What does metformin do in case {n}?" for n in range(7)]
    questions.write_text("\n".join(asked), "utf-8")
    openai_server.reply = ["Metformin is the first-line drug [1]."]
    openai_server.faults.extend([faults.Hang()] * 3)
    settings = {"CITEWELL_GENERATION__URL": openai_server.url, "CITEWELL_GENERATION__CONCURRENCY": "3"}
    process = ended(sample.start("ask", "--file", str(questions), "--table", str(table), **settings))
    openai_server.wait_for(3)
    assert rows_of(table) == []
    openai_server.release()
    assert process.wait(60) == 0
    assert [row["question"] for row in rows_of(table)] == asked
