"""The installed program as other processes see it: run, piped into, interrupted, watched on a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant.commands.cli import run
from configs.settings import Settings
from tests.assistant.answering.examples import RECORDS, fill

SCRIPT = str(Path(sys.executable).with_name("citewell"))
MODULE = (sys.executable, "-m", "assistant")
_PATIENCE = 60.0

Ran = subprocess.CompletedProcess[str]
Called = Callable[..., Ran]


def _hear_ctrl_c() -> None:
    """What is started by a job in the background would inherit its deafness to Ctrl+C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Home:
    """A user's machine: a folder with their data and settings, and the program run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"

    @property
    def places(self) -> dict[str, str]:
        """Where the program finds what is the user's."""
        folders = {f"XDG_{name}_HOME": str(self.folder / name.lower()) for name in ("CONFIG", "STATE", "CACHE")}
        return {"HOME": str(self.folder), "CITEWELL_DATA_DIR": str(self.data), **folders}

    def environment(self, **more: str) -> dict[str, str]:
        """What the program sees: nothing of the person who runs the tests."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CITEWELL_", "_CITEWELL", "PYTHON"))}
        return {**kept, **self.places, "TERM": "xterm-256color", **more}

    def run(
        self, *arguments: str, stdin: str | bytes = b"", command: Sequence[str] = (SCRIPT,), **environment: str
    ) -> Ran:
        """Run to the end, with pipes; output as text."""
        sent = stdin.encode() if isinstance(stdin, str) else stdin
        ran = subprocess.run(
            [*command, *arguments],
            input=sent,
            capture_output=True,
            env=self.environment(**environment),
            cwd=self.folder,
            timeout=_PATIENCE,
            check=False,
        )
        return Ran(ran.args, ran.returncode, ran.stdout.decode("utf-8"), ran.stderr.decode("utf-8"))

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start with pipes, to be talked to while it runs; the caller ends it."""
        return subprocess.Popen(
            [SCRIPT, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(**environment),
            cwd=self.folder,
            preexec_fn=_hear_ctrl_c,
        )

    def terminal(self, *arguments: str, **environment: str) -> Terminal:
        """Start on a terminal of its own."""
        return Terminal([SCRIPT, *arguments], self.environment(**environment), self.folder)


class Terminal:
    """A program whose input and output are a pseudo-terminal."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.shown = ""
        self._screen, inner = pty.openpty()
        termios.tcsetwinsize(inner, (24, 80))
        self.process = subprocess.Popen(
            command, stdin=inner, stdout=inner, stderr=inner, env=dict(environment), cwd=folder
        )
        os.close(inner)

    def until(self, text: str) -> str:
        """Everything shown once `text` is there."""
        while text not in self.shown:
            if not self._read():
                raise AssertionError(f"{text!r} never came; shown: {self.shown!r}")
        return self.shown

    @property
    def lines(self) -> list[str]:
        """What stands there once all that was shown has been obeyed: lines that scrolled away first, none folded."""
        lines, row = [""], 0
        for part in re.findall(r"\x1b\[[0-?]*[A-Za-z]|\n|\r|[^\x1b\n\r]+", self.shown):
            if up := re.fullmatch(r"\x1b\[(\d*)A", part):
                row -= int(up[1] or 1)
            elif part == "\x1b[2K":
                lines[row] = ""
            elif part == "\n":
                row += 1
                lines += [""] * (row == len(lines))
            elif not part.startswith(("\x1b", "\r")):
                lines[row] += part
        return lines

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._screen, text.encode())

    def end(self) -> int:
        """Read to the end and return the exit status."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._screen], [], [], _PATIENCE)
        if not ready:
            raise AssertionError(f"nothing more came; shown: {self.shown!r}")
        try:
            piece = os.read(self._screen, 65_536)
        except OSError:  # Linux reports the other end's close so
            return False
        self.shown += piece.decode("utf-8", "replace")
        return bool(piece)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(_PATIENCE)
        os.close(self._screen)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A fresh machine."""
    return Home(tmp_path)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A machine whose default index holds `RECORDS`; nobody ingests there."""
    home = Home(tmp_path_factory.mktemp("sample"))
    (home.folder / "records.jsonl").write_text(lines(RECORDS), "utf-8")
    asyncio.run(fill(Settings(data_dir=home.data), home.folder / "records.jsonl"))
    return home


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Called:
    """`called(home, "index", "list", CITEWELL_X="y")`: the same command line inside this process, where a start is not the point."""

    def call(home: Home, *arguments: str, **environment: str) -> Ran:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            for name, value in {**home.places, **environment}.items():
                patch.setenv(name, value)
            status = run(arguments)
        shown = capsys.readouterr()
        return Ran(arguments, status, shown.out, shown.err)

    return call


@pytest.fixture
def ended() -> Iterator[Callable[[subprocess.Popen[bytes]], subprocess.Popen[bytes]]]:
    """Ends what a test started, whatever becomes of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def watch(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        started.append(process)
        return process

    yield watch
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=_PATIENCE)


def lines(records: Sequence[Mapping[str, Any]]) -> str:
    """Records as JSON Lines."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def interrupt(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Press Ctrl+C once; the exit status and what was said on standard error."""
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, said = process.communicate(timeout=_PATIENCE)
    assert time.monotonic() - started < _PATIENCE / 4
    return process.returncode, said.decode("utf-8")


def told(ran: Ran, status: int, *words: str) -> None:
    """It failed with this status, said these words on standard error alone, and showed no traceback."""
    assert ran.returncode == status, ran.stderr
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
    for word in words:
        assert word in ran.stderr
