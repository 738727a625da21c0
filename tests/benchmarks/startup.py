"""How soon the program is there: `--version` in CPU time, the chat's first paint against a bare Textual program."""

from __future__ import annotations

import fcntl
import os
import pty
import resource
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable

from tests.benchmarks.harness import environment, interleaved, report

_BASELINE = """
from textual.app import App
from textual.widgets import Markdown, TextArea
class Bare(App):
    def compose(self):
        yield Markdown("# bare-marker")
        yield TextArea("hello")
Bare().run()
"""
_RUNS = 9


def main() -> None:
    """Print the figures."""
    with environment():
        version = interleaved(
            _RUNS, python=_cpu([sys.executable, "-c", "pass"]), version=_cpu(["citewell", "--version"])
        )
        report("citewell --version, CPU (bound: 150 ms)", version, "python")
        paint = interleaved(
            _RUNS,
            textual=_paint([sys.executable, "-c", _BASELINE], b"bare-marker"),
            chat=_paint(["citewell", "chat"], b"citewell"),
        )
        report("First paint in a 120×40 terminal", paint, "textual", bound=1.6)
        for command in (["--version"], ["chat"]):
            print(f"  citewell {command[0]} imports llama_index: {_imports_llama_index(command)}")


def _cpu(command: list[str]) -> Callable[[], float]:
    def measure() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return measure


def _paint(command: list[str], marker: bytes) -> Callable[[], float]:
    def measure() -> float:
        started = time.perf_counter()
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execvp(command[0], command)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        seen = b""
        while marker not in seen:
            if not select.select([terminal], [], [], 20)[0]:
                raise TimeoutError(f"{command} never showed {marker!r}")
            seen += os.read(terminal, 65_536)
        took = time.perf_counter() - started
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
        return took

    return measure


def _imports_llama_index(arguments: list[str]) -> bool:
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", PYTHONPROFILEIMPORTTIME="1")
        os.execvp("citewell", ["citewell", *arguments])
    seen, deadline = b"", time.monotonic() + 4
    while time.monotonic() < deadline and select.select([terminal], [], [], 1)[0]:
        try:
            seen += os.read(terminal, 65_536)
        except OSError:
            break
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
    return b"llama_index" in seen


if __name__ == "__main__":
    main()
