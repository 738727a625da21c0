"""`citewell ask`: the JSON that scripts rely on, streaming to a terminal, and every way a server fails it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.assistant.answering.examples import RECORDS
from tests.assistant.commands.conftest import MODULE, Home, interrupt, told
from tests.assistant.commands.test_root import imported
from tests.support import faults
from tests.support.openai_server import OpenAIServer

QUESTION = "What is the first-line drug for type 2 diabetes?"
Ended = Callable[[subprocess.Popen[bytes]], subprocess.Popen[bytes]]


def answer_of(stdout: str) -> dict[str, Any]:
    """The one JSON line of `--json`, its shape checked."""
    (line,) = stdout.splitlines()
    answer = json.loads(line)
    assert {"question", "answer", "status", "sentences", "sources", "model"} <= set(answer)
    assert answer["status"] in ("answered", "abstained")
    for sentence in answer["sentences"]:
        assert {"text", "citations"} <= set(sentence)
        assert set(sentence["citations"]) <= {source["n"] for source in answer["sources"]}
    for n, source in enumerate(answer["sources"], 1):
        assert {"n", "doc_id", "title", "text", "url", "score"} <= set(source)
        assert source["n"] == n
    assert isinstance(answer, dict)
    return answer


def test_quotes_as_json(sample: Home) -> None:
    """With nothing configured: verbatim sentences, whole sources, no model."""
    ran = sample.run("ask", QUESTION, "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    answer = answer_of(ran.stdout)
    assert (answer["question"], answer["status"], answer["model"]) == (QUESTION, "answered", None)
    first = answer["sentences"][0]
    assert first["text"] == "Metformin is the first-line drug for type 2 diabetes."
    assert first["citations"] == [1]
    assert answer["sources"][0]["text"] == RECORDS[0]["abstract"]
    assert answer["sources"][0]["url"] is None


def test_an_abstention_as_json_lists_the_nearest_passages(sample: Home) -> None:
    """Status 0: the program did its work; `status` says that the corpus does not answer."""
    ran = sample.run("ask", "--json", stdin="Does metformin cure baldness in zyzzyvas?\n", command=MODULE)
    assert ran.returncode == 0
    answer = answer_of(ran.stdout)
    assert (answer["status"], answer["sentences"]) == ("abstained", [])
    assert answer["sources"][0]["doc_id"] == "metformin"


def test_quotes_in_a_pipe_are_labelled_as_quotes_with_their_sources(sample: Home) -> None:
    """A reader sees that no model wrote this, and where it stands."""
    shown = sample.run("ask", QUESTION).stdout
    assert shown.startswith("Verbatim quotes from the corpus (no model is configured):\n\n“Metformin is the first-line")
    assert "\nSources\n[1] Metformin in type 2 diabetes · Example Medicine · 2021 · metformin\n" in shown


def test_a_generated_answer_in_a_pipe_comes_resolved_with_sources_and_notes(
    sample: Home, openai_server: OpenAIServer
) -> None:
    """Unknown markers are struck and told, cited passages are shown, the prompt stays out."""
    openai_server.reply = ["Metformin is ", "first [1]", "[9]."]
    shown = sample.run("ask", QUESTION, CITEWELL_GENERATION__URL=openai_server.url).stdout
    assert shown.startswith("Metformin is first [1].\n")
    assert "[9], which is no source; struck." in shown
    assert "\nSources\n[1] Metformin in type 2 diabetes" in shown
    assert "    Metformin is the first-line drug for type 2 diabetes." in shown


def test_a_terminal_sees_the_answer_as_it_is_written(sample: Home, openai_server: OpenAIServer) -> None:
    """The first words stand there while the server has not yet sent the last."""
    openai_server.fault = faults.StreamSilence(after=2)
    openai_server.reply = ["Metformin is ", "the first ", "drug [1]."]
    with sample.terminal("ask", QUESTION, CITEWELL_GENERATION__URL=openai_server.url) as terminal:
        shown = terminal.until("Metformin is the first")
        assert "drug" not in shown
        openai_server.release()
        assert terminal.end() == 0
        assert [line for line in terminal.lines if line.startswith("Metformin is")] == [
            "Metformin is the first drug [1]."
        ]
        assert "Sources" in terminal.lines


@pytest.mark.parametrize(
    ("draft", "left"),
    [
        (["Metformin ", "cures ", "baldness."], []),
        (["NOT IN ", "CORPUS"], []),
        (["Perhaps ", "baldness.\n", "</think>\n\n", "Metformin is first [1]", "[9]."], ["Metformin is first [1]."]),
        ([f"line {n} of baldness\n" for n in range(40)], []),
    ],
)
def test_what_is_struck_or_withheld_does_not_stay_on_the_terminal(
    draft: list[str], left: list[str], sample: Home, openai_server: OpenAIServer
) -> None:
    """What no passage bears out was a draft: it is gone when the answer stands there, even if longer than the screen."""
    openai_server.reply = draft
    with sample.terminal("ask", QUESTION, CITEWELL_GENERATION__URL=openai_server.url) as terminal:
        assert terminal.end() == 0
        assert draft[0].split()[0] in terminal.shown
        struck = ("baldness", "NOT IN", "think", "[1][9]")
        assert [line for line in terminal.lines if any(word in line for word in struck)] == []
        assert [line for line in terminal.lines if line.startswith("Metformin is")] == left


def test_a_pipe_does_not_wait_for_what_only_a_terminal_needs(sample: Home, openai_server: OpenAIServer) -> None:
    """Rich draws the draft; whoever reads a pipe has none."""
    program = (sys.executable, "-X", "importtime", "-m", "assistant")
    ran = sample.run("ask", QUESTION, command=program, CITEWELL_GENERATION__URL=openai_server.url)
    assert ran.returncode == 0
    assert "rich" not in {name.partition(".")[0] for name in imported(ran)}


def test_no_color_is_obeyed_on_a_terminal(sample: Home) -> None:
    """Headings are bold on a terminal, and plain where NO_COLOR is set."""
    with sample.terminal("ask", QUESTION) as terminal:
        assert terminal.end() == 0
        assert "\x1b[1m" in terminal.shown
    with sample.terminal("ask", QUESTION, NO_COLOR="1") as terminal:
        assert terminal.end() == 0
        assert "Sources" in terminal.shown
        assert "\x1b" not in terminal.shown


def test_plain_on_a_terminal_comes_in_one_piece(sample: Home, openai_server: OpenAIServer) -> None:
    """`--plain` waits for the resolved answer, as a pipe does: no struck marker flashes by."""
    openai_server.reply = ["Metformin [9]", " is first [1]."]
    with sample.terminal("ask", QUESTION, "--plain", CITEWELL_GENERATION__URL=openai_server.url) as terminal:
        assert terminal.end() == 0
        assert "Metformin is first [1]." in terminal.shown
        assert "Metformin [9]" not in terminal.shown


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.StreamError(after=1), ["overloaded", "Try again"]),
        (faults.Hang(), ["did not answer in time", "generation.timeout"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failing_server_is_1_with_what_where_and_what_to_do(
    fault: faults.Fault, words: list[str], sample: Home, openai_server: OpenAIServer
) -> None:
    """Half an answer is not printed to a pipe as if it were one."""
    openai_server.fault = fault
    ran = sample.run("ask", QUESTION, CITEWELL_GENERATION__URL=openai_server.url, CITEWELL_GENERATION__TIMEOUT="0.5")
    told(ran, 1, openai_server.url, *words)


def test_a_wrong_key_names_the_variable_and_not_the_key(sample: Home, openai_server: OpenAIServer) -> None:
    """The key from the environment is in no message, even where the server repeats it."""
    openai_server.fail_with(401, {"error": {"message": "Incorrect API key provided: sk-wrong-key"}})
    environment = {"CITEWELL_GENERATION__URL": openai_server.url, "CITEWELL_GENERATION__API_KEY": "sk-wrong-key"}
    ran = sample.run("ask", QUESTION, **environment)
    told(ran, 1, "refuses the API key", openai_server.url, "Set CITEWELL_GENERATION__API_KEY")
    assert "sk-wrong-key" not in ran.stderr


def test_ctrl_c_stops_an_answer(sample: Home, openai_server: OpenAIServer, ended: Ended) -> None:
    """Status 130, no traceback, and the server is let go of."""
    openai_server.fault = faults.Hang()
    process = ended(sample.start("ask", QUESTION, CITEWELL_GENERATION__URL=openai_server.url))
    (request,) = openai_server.wait_for(1)
    status, said = interrupt(process)
    assert status == 130
    assert "Interrupted." in said
    assert "Traceback" not in said
    assert request.hung_up.wait(10)


def test_a_question_that_is_not_utf_8_is_refused(sample: Home) -> None:
    """A file in another encoding is named as the reason, not searched as gibberish."""
    told(sample.run("ask", stdin=b"\xff\xfem\x00"), 1, "standard input: the question is not UTF-8")


def test_a_question_keeps_its_letters_in_a_locale_without_them(sample: Home) -> None:
    """A terminal that types UTF-8 under LC_ALL=C is understood; what is no UTF-8 is refused, not searched as “???”."""
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    question = "布洛芬24小时内最多服用多少毫克？"
    answer = answer_of(sample.run("ask", question, "--json", **locale).stdout)
    assert (answer["question"], answer["status"]) == (question, "answered")
    told(sample.run("ask", os.fsdecode(b"caf\xe9"), **locale), 2, "command line: the question is not UTF-8")
