"""The program as a whole: its door, its help, its exit statuses, and what it does not import."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from assistant import __version__
from assistant.commands.cli import COMMANDS, run
from tests.assistant.commands.conftest import MODULE, SCRIPT, Called, Home, told

_HELP = [
    [],
    *([name] for name in sorted(COMMANDS)),
    ["config", "show"],
    ["index", "list"],
    ["index", "info"],
    ["index", "delete"],
]


def imported(ran: subprocess.CompletedProcess[str]) -> set[str]:
    """The modules that a run under `-X importtime` imported."""
    return {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines() if line.startswith("import time:")}


def test_the_version_costs_no_import(home: Home) -> None:
    """`citewell --version` is immediate: nothing heavy is loaded to print one line."""
    ran = home.run("--version", command=(sys.executable, "-X", "importtime", "-m", "assistant"))
    assert ran.stdout == f"citewell {__version__}\n"
    assert ran.returncode == 0
    heavy = {"llama_index", "pydantic", "textual", "openai", "rich", "click", "httpx", "qdrant_edge", "numpy"}
    assert not {name.partition(".")[0] for name in imported(ran)} & heavy


def test_the_console_script_is_installed(home: Home) -> None:
    """`pip install` puts `citewell` on the path."""
    ran = home.run("--version")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"citewell {__version__}\n", "")


def test_help_imports_no_llama_index(home: Home) -> None:
    """`citewell --help` names every command, without the second that llama-index takes."""
    ran = home.run("--help", command=(sys.executable, "-X", "importtime", "-m", "assistant"))
    assert ran.returncode == 0
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", ran.stdout, re.MULTILINE)
    assert not {m for m in imported(ran) if m.startswith(("llama_index.core", "textual", "openai", "torch"))}


def test_search_imports_no_llama_index(sample: Home) -> None:
    """A search is done before llama-index would have been imported."""
    ran = sample.run("search", "metformin", command=(sys.executable, "-X", "importtime", "-m", "assistant"))
    assert ran.returncode == 0
    assert "Metformin in type 2 diabetes" in ran.stdout
    assert not {m for m in imported(ran) if m.startswith(("llama_index.core", "textual", "openai", "torch"))}


@pytest.mark.parametrize("command", _HELP, ids=" ".join)
def test_every_help_has_an_example_that_calls_it(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A reader of any `--help` finds a line to copy."""
    assert run([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Examples:\n" in shown
    examples = shown.partition("Examples:\n")[2].splitlines()
    assert any(f"citewell {' '.join(command)}".strip() in line for line in examples)
    assert "Usage: citewell" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serch"], ["No such command", "serch", "Try 'citewell --help'"]),
        (["search", "--limt", "3", "x"], ["No such option", "--limt"]),
        (["search", "--limit", "0", "x"], ["--limit"]),
        (["search", "--profile", "sglnag", "x"], ["sglnag", "quickstart", "sglang"]),
        (["ingest"], ["PATH"]),
        (["ask", "  "], ["The question is empty"]),
        (["chat"], ["needs a terminal", "citewell ask"]),
        ([], ["needs a terminal"]),
        (["--set", "chat.theme=x"], ["needs a terminal"]),
        (["index", "delete", "default"], ["--yes"]),
        (["serve", "embeding"], ["embedding", "generation", "reranker"]),
        (["search", "--set", "foo.bar=1", "x"], ["foo.bar", "citewell config show"]),
        (["search", "--set", "x", "x"], ["KEY=VALUE"]),
        (["search", "--set", "retrieval.limit=abc", "x"], ["retrieval.limit", "integer"]),
        (["search", "--set", "chunking.overlap=9999", "x"], ["overlap", "size"]),
        (["search", "--set", "profile=fast", "x"], ["fast", "quickstart"]),
        (["search", "--set", "embedding=x", "x"], ["is a section"]),
        (["search", "--set", "index.url=", "x"], ["index.url", "may not be blank"]),
        (["search", "--index", "../x", "x"], ["../x", "no name for an index"]),
        (["index", "info", "../x"], ["../x", "no name for an index"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_wrong_usage_is_2_and_says_what_would_be_right(
    arguments: list[str], words: list[str], sample: Home, called: Called
) -> None:
    """A slip costs a second: one line that helps, no traceback, nothing on standard output."""
    told(called(sample, *arguments), 2, *words)


def test_wrong_usage_is_status_2_of_the_process_too(sample: Home) -> None:
    """What a shell script sees; a question that standard input does not hold is wrong usage as well."""
    told(sample.run("serch"), 2, "serch")
    told(sample.run("search"), 2, "The question is empty")


def test_a_failure_is_1_and_says_what_where_and_what_to_do(home: Home) -> None:
    """No index yet: standard error says so and names the command that makes one."""
    told(
        home.run("search", "metformin", command=MODULE),
        1,
        "citewell: there is no index “default” yet",
        "→ citewell ingest",
    )


def test_debug_shows_the_traceback(home: Home) -> None:
    """Whoever reports a bug can see where it happened."""
    ran = home.run("search", "metformin", "--debug")
    assert ran.returncode == 1
    assert "Traceback (most recent call last)" in ran.stderr
    assert "IndexMissing" in ran.stderr


def test_debug_may_stand_before_the_command(home: Home) -> None:
    """`citewell --debug search x` is that search, not the chat."""
    ran = home.run("--debug", "search", "metformin")
    assert ran.returncode == 1
    assert "IndexMissing" in ran.stderr


@pytest.mark.parametrize(
    "arguments", [["search", "metformin"], ["search", "--json", "metformin"], ["--version"], ["--help"]], ids=" ".join
)
def test_an_output_that_takes_nothing_is_1_in_one_line(arguments: list[str], sample: Home) -> None:
    """A full disk under `> file` is told as such: no bug of ours, no traceback, not even from the interpreter's end."""
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run([SCRIPT, *arguments], stdout=full, stderr=-1, env=sample.environment(), check=False)
    assert ran.returncode == 1
    assert ran.stderr.decode() == "citewell: standard output cannot be written to: No space left on device\n"


def test_completion_prints_a_script(home: Home) -> None:
    """`eval "$(_CITEWELL_COMPLETE=bash_source citewell)"` works as the help says."""
    ran = home.run(_CITEWELL_COMPLETE="bash_source")
    assert ran.returncode == 0
    assert "_citewell_completion" in ran.stdout


def test_completion_reads_nothing_from_standard_input(home: Home) -> None:
    """Tab after `citewell ask` answers at once, even where standard input stays open."""
    process = home.start(_CITEWELL_COMPLETE="bash_complete", COMP_WORDS="citewell ask --", COMP_CWORD="2")
    try:
        assert process.wait(30) == 0
        assert process.stdout is not None
        assert b"--plain" in process.stdout.read()
    finally:
        process.kill()
        process.communicate()


def test_a_reader_that_leaves_early_sees_no_traceback(sample: Home) -> None:
    """`citewell config show | head -1` ends quietly."""
    process = sample.start("search", "--json", "metformin aspirin pneumonia", "--all-passages")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stdin is not None
    process.stdin.close()
    assert process.stderr is not None
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(30) in (0, 1)
    assert said == ""
