"""The chat in a real pseudo-terminal: it leaves it as it found it, however it ends."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.records.sessions import SessionStore
from assistant.tui.describe import STOPPED

_ROOT = Path(__file__).resolve().parents[3]
_PATIENCE_SECONDS = 60.0
_ALTERNATE_SCREEN = (b"\x1b[?1049h", b"\x1b[?1049l")
_CURSOR_HIDDEN = (b"\x1b[?25l", b"\x1b[?25h")
_PASTE_BRACKETED = (b"\x1b[?2004h", b"\x1b[?2004l")
_MOUSE_REPORTED = (b"\x1b[?1000h", b"\x1b[?1000l")


class Terminal:
    """A process in a pseudo-terminal of 80 by 24, and all that it has written there."""

    def __init__(self, data: Path, how: str) -> None:
        self.data = data
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.modes = termios.tcgetattr(self.theirs)
        self.written = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.assistant.tui.in_terminal", str(data), how],
            cwd=_ROOT,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
        )

    def read_until(self, wanted: bytes) -> None:
        """Read what it writes until `wanted` is among it."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while wanted not in self.written:
            assert time.monotonic() < deadline, self.written[-2000:]
            self._read(0.1)

    def wait(self) -> int:
        """Its exit status, and the rest of what it writes."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.written[-2000:]
            self._read(0.05)
        while self._read(0.05):
            pass
        return self.process.returncode

    def left(self, switch: tuple[bytes, bytes]) -> bool:
        """Whether a mode that was switched on was at last switched off."""
        on, off = switch
        return self.written.rfind(off) > self.written.rfind(on) >= 0

    def _read(self, seconds: float) -> bool:
        if not select.select([self.ours], [], [], seconds)[0]:
            return False
        piece = os.read(self.ours, 65536)
        self.written += piece
        return bool(piece)

    def close(self) -> None:
        """End it, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def terminal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    """The chat in a terminal; the parameter says how its engine behaves."""
    opened = Terminal(tmp_path / "data", request.param)
    yield opened
    opened.close()


@pytest.mark.parametrize("terminal", ["endless"], indirect=True)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_in_mid_answer_restores_the_terminal(terminal: Terminal, number: signal.Signals, status: int) -> None:
    """Killed while an answer streams: alternate screen left, cursor shown, modes as before, status 128 + signal, the session saved."""
    terminal.read_until(b"Ready.")
    os.write(terminal.ours, b"Does it help?\r")
    terminal.read_until("Writing …".encode())
    terminal.process.send_signal(number)
    assert terminal.wait() == status
    for switch in (_ALTERNATE_SCREEN, _CURSOR_HIDDEN, _PASTE_BRACKETED, _MOUSE_REPORTED):
        assert terminal.left(switch), switch
    assert termios.tcgetattr(terminal.theirs) == terminal.modes
    sessions = SessionStore(terminal.data / "sessions")
    (saved,) = sessions.load(sessions.list()[0].id).answers
    assert (saved.question, saved.warnings) == ("Does it help?", (STOPPED,))


@pytest.mark.parametrize("terminal", ["crash", "crash --debug"], indirect=True)
def test_a_crash_restores_the_terminal_and_tells_no_question(
    terminal: Terminal, request: pytest.FixtureRequest
) -> None:
    """A bug ends the chat with status 1 and a line on a usable terminal, with --debug a traceback without variables."""
    terminal.read_until(b"Ready.")
    os.write(terminal.ours, b"Does it help?\r")
    assert terminal.wait() == 1
    assert terminal.left(_ALTERNATE_SCREEN)
    assert terminal.left(_CURSOR_HIDDEN)
    assert termios.tcgetattr(terminal.theirs) == terminal.modes
    said = terminal.written[terminal.written.rfind(_ALTERNATE_SCREEN[1]) :].decode()
    assert "IndexError: pop from empty list" in said
    assert "Does it help?" not in said
    debug = "--debug" in request.node.callspec.id
    assert ("Traceback" in said, "run it again with --debug" in said.lower()) == (debug, not debug)


@pytest.mark.parametrize("terminal", ["endless"], indirect=True)
def test_a_closed_window_ends_the_chat(terminal: Terminal) -> None:
    """Where the terminal itself has gone, the process goes too, and does not spin or hang."""
    terminal.read_until(b"Ready.")
    os.write(terminal.ours, b"Does it help?\r")
    terminal.read_until("Writing …".encode())
    os.close(terminal.theirs)
    os.close(terminal.ours)
    terminal.process.send_signal(signal.SIGHUP)
    try:
        assert terminal.process.wait(_PATIENCE_SECONDS) != 0
    finally:
        terminal.ours, terminal.theirs = pty.openpty()


@pytest.mark.parametrize("terminal", ["modules"], indirect=True)
def test_nothing_heavy_is_imported_before_the_first_paint(terminal: Terminal) -> None:
    """The screen is there before any library that searches, embeds or calls servers is imported."""
    assert terminal.wait() == 0
    assert b"citewell" in terminal.written
