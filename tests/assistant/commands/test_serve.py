"""`citewell serve`: the right flags for each role, waiting until it answers, and a clean stop."""

from __future__ import annotations

import shlex
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.commands.cli import run
from tests.assistant.commands.conftest import Home, interrupt
from tests.support.openai_server import OpenAIServer

Ended = Callable[[subprocess.Popen[bytes]], subprocess.Popen[bytes]]

# Stands in for the interpreter of SGLang's environment: takes its flags, starts slowly, has a child process.
_STAND_IN = """\
#!{python}
import http.server, os, signal, subprocess, sys
port = int(sys.argv[sys.argv.index("--port") + 1])
child = subprocess.Popen([{python!r}, "-c", "import time; time.sleep(600)"])
open({pids!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
class Handler(http.server.BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Handler.asked += 1
        self.send_response(503 if Handler.asked == 1 else 200)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.mark.parametrize(
    ("role", "port", "has", "lacks"),
    [
        (
            "embedding",
            "30000",
            ["--is-embedding", "--json-model-override-args", '{"is_matryoshka": true}'],
            ["--chat-template"],
        ),
        ("generation", "30001", [], ["--is-embedding", "--chat-template"]),
        ("reranker", "30002", ["--chat-template"], ["--is-embedding"]),
    ],
)
def test_print_shows_the_command_and_starts_nothing(
    role: str, port: str, has: list[str], lacks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The line can be copied into a shell on the GPU machine; an embedding server gets what SGLang needs for it."""
    assert run(["serve", role, "--print", "--profile", "sglang"]) == 0
    command = shlex.split(capsys.readouterr().out)
    assert command[1:4] == ["-m", "sglang.launch_server", "--model-path"]
    assert command[command.index("--port") + 1] == port
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert set(has) <= set(command)
    assert not set(lacks) & set(command)


def test_the_rerankers_template_is_a_file_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Without its chat template SGLang answers 200 with meaningless scores."""
    assert run(["serve", "reranker", "--print"]) == 0
    command = shlex.split(capsys.readouterr().out)
    template = Path(command[command.index("--chat-template") + 1])
    assert "query" in template.read_text("utf-8").lower()


def test_model_port_and_further_flags_are_settings(capsys: pytest.CaptureFixture[str]) -> None:
    """What the profile does not fit, the user sets."""
    sets = ["serve.embedding.model=my/model", "serve.embedding.port=4000", 'serve.embedding.arguments=["--tp", "2"]']
    assert run(["serve", "embedding", "--print", *(word for text in sets for word in ("--set", text))]) == 0
    command = shlex.split(capsys.readouterr().out)
    assert command[command.index("--model-path") + 1] == "my/model"
    assert command[command.index("--port") + 1] == "4000"
    assert command[-2:] == ["--tp", "2"]


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stand_in(home: Home, code: str) -> str:
    """An executable that is run instead of SGLang's Python."""
    path = home.folder / "python"
    path.write_text(textwrap.dedent(code), "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_it_waits_until_the_server_answers_and_ctrl_c_ends_it_and_its_children(
    home: Home, port: int, ended: Ended
) -> None:
    """“Ready” is said after /health says so, and no process stays behind to hold the GPU."""
    pids = home.folder / "pids"
    python = stand_in(home, _STAND_IN.format(python=sys.executable, pids=str(pids)))
    process = ended(
        home.start("serve", "embedding", "--set", f"serve.python={python}", "--set", f"serve.embedding.port={port}")
    )
    assert process.stdout is not None
    assert b"sglang.launch_server" in process.stdout.readline()
    assert b"ready after" in (ready := process.stdout.readline())
    assert f"http://127.0.0.1:{port}/v1".encode() in ready
    status, said = interrupt(process)
    assert status == 130
    assert "Traceback" not in said
    for pid in pids.read_text("utf-8").split():
        path = Path("/proc") / pid / "stat"
        assert not path.exists() or path.read_text("utf-8").rpartition(")")[2].split()[0] == "Z"


def test_a_server_that_ends_before_it_answers_is_told(home: Home, port: int) -> None:
    """A model that does not load is not waited for."""
    python = stand_in(home, "#!/bin/sh\necho no GPU here >&2\nexit 7\n")
    ran = home.run("serve", "generation", "--set", f"serve.python={python}", "--set", f"serve.generation.port={port}")
    assert ran.returncode == 1
    assert "no GPU here" in ran.stderr
    assert "ended with status 7" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_interpreter_that_is_not_there_is_told(home: Home) -> None:
    """A wrong serve.python is a setting to correct, not a bug of ours."""
    ran = home.run("serve", "embedding", "--set", "serve.python=/no/such/python")
    assert ran.returncode == 1
    assert "/no/such/python: cannot be run" in ran.stderr
    assert "serve.python" in ran.stderr
    assert "This is a bug" not in ran.stderr


def test_a_port_that_answers_already_is_not_taken_for_the_new_server(home: Home, openai_server: OpenAIServer) -> None:
    """“Ready” may not be said of somebody else's server."""
    python = stand_in(home, "#!/bin/sh\nsleep 600\n")
    port = f"serve.embedding.port={openai_server.port}"
    ran = home.run("serve", "embedding", "--set", f"serve.python={python}", "--set", port)
    assert ran.returncode == 1
    assert "a server answers there already" in ran.stderr
    assert "ready" not in ran.stdout
