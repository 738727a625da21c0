"""Documents and models cannot reach the terminal: no escape, no control, no reordering, in no command."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

import pytest

from tests.assistant.commands.conftest import Called, Home, lines
from tests.support.openai_server import OpenAIServer

HOSTILE: dict[str, Any] = {
    "id": "evil\x1b[2J\u202e",
    "title": "Metformin \x1b[31mred\x1b]0;owned\x07\u202eesrever\x9b1m",
    "abstract": "Metformin \x1b]8;;http://evil\x1b\\lowers\x1b]8;;\x1b\\ glucose\r by 1.1 % \u2066in\u2069 adults.\x85 "
    "Half: \x00\x7f\u200f\u2028 end of it. 😀",
    "journal": "\x1bP+q544e\x1b\\Journal",
    "year": "\x1b[5m2020",
    "url": "http://example.org/\x1b[31m\u202e",
}


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A machine whose index holds a hostile document; the record's own remarks are checked on the way."""
    home = Home(tmp_path_factory.mktemp("evil"))
    records = [HOSTILE, {"id": "twin\x1b[31m", "title": HOSTILE["title"], "abstract": HOSTILE["abstract"]}]
    broken = '{"id": "\\u001b[31mx", "title": 5}\n{"\x1b[31m'
    (home.folder / "evil.jsonl").write_text(lines(records) + broken, "utf-8")
    ran = home.run("ingest", "evil.jsonl")
    assert ran.returncode == 3
    assert "same content" in ran.stderr
    harmless(ran.stdout, ran.stderr)
    return home


def harmless(*shown: str) -> None:
    """Nothing in it but letters, marks, spaces and line ends."""
    for text in shown:
        risky = [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"]
        assert not risky, (risky, text)


@pytest.mark.parametrize("command", [["search"], ["ask"]], ids=" ".join)
def test_plain_output_is_harmless_and_still_readable(command: list[str], evil: Home) -> None:
    """Title, passage, journal, year, url and id lose what a terminal would obey and keep their words."""
    ran = evil.run(*command, "metformin lowers glucose in adults")
    assert ran.returncode == 0
    harmless(ran.stdout, ran.stderr)
    assert "Metformin redesrever · Journal · 2020 · evil" in ran.stdout
    assert "lowers glucose" in ran.stdout
    assert "owned" not in ran.stdout


def test_json_is_harmless_to_a_terminal_and_exact_to_a_program(evil: Home) -> None:
    """Whatever stands in a document is escaped on the way out and comes back character by character."""
    question = "metformin lowers glucose in adults"
    ran = evil.run("search", question, "--json", "--limit", "2")
    harmless(ran.stdout)
    (hit,) = [hit for hit in json.loads(ran.stdout) if hit["doc_id"] == HOSTILE["id"]]
    assert {"id": hit["doc_id"], "title": hit["title"], "abstract": hit["text"], **hit["metadata"]} == HOSTILE
    ran = evil.run("ask", question, "--json", PYTHONIOENCODING="ascii")
    harmless(ran.stdout)
    answer = json.loads(ran.stdout)
    (source,) = [source for source in answer["sources"] if source["doc_id"] == HOSTILE["id"]]
    assert (source["title"], source["text"], source["url"]) == (HOSTILE["title"], HOSTILE["abstract"], HOSTILE["url"])
    assert answer["sentences"][0]["text"] in HOSTILE["abstract"]


def test_a_model_cannot_send_escapes_either(evil: Home, openai_server: OpenAIServer) -> None:
    """In a pipe and, cut across the pieces of a stream, on a terminal."""
    openai_server.reply = ["Metformin \x1b", "]0;owned\x07", "\x1b[2J", "\x9b31m", "\u202elowers\ud800 glucose [1]."]
    environment = {"CITEWELL_GENERATION__URL": openai_server.url, "NO_COLOR": "1"}
    ran = evil.run("ask", "metformin?", **environment)
    assert ran.returncode == 0
    harmless(ran.stdout, ran.stderr)
    assert "lowers glucose [1]." in ran.stdout
    harmless(evil.run("ask", "metformin?", "--json", **environment).stdout)
    with evil.terminal("ask", "metformin?", **environment) as terminal:
        assert terminal.end() == 0
        # Ours while it streams, and no others: the line erased, the cursor up, hidden and shown.
        shown = re.sub(r"\x1b\[(?:2K|\d?A|\?25[lh])|\r", "", terminal.shown)
        harmless(shown)
        assert "lowers glucose [1]." in shown


def test_a_server_cannot_send_escapes_in_its_error(evil: Home, called: Called, openai_server: OpenAIServer) -> None:
    """What a server says of itself is quoted in the message, and is as little trusted."""
    openai_server.fail_with(400, {"error": {"message": "bad\x1b[31m \u202erequest\x9b0m"}})
    ran = called(evil, "ask", "metformin?", CITEWELL_GENERATION__URL=openai_server.url)
    assert ran.returncode == 1
    assert "request" in ran.stderr
    harmless(ran.stderr)


def test_what_is_typed_comes_back_harmless(evil: Home, called: Called) -> None:
    """Names and questions in messages are data too."""
    harmless(called(evil, "index", "info", "\x1b[31mx\u202e").stderr)
    harmless(called(evil, "\x1b[31mx\u202e").stderr)
    harmless(called(evil, "search", "--set", "\x1b[31mx=1", "y").stderr)
    harmless(called(evil, "ingest", "\x1b[31m\u202emissing.jsonl").stderr)
