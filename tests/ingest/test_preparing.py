"""Passages made in processes of their own: the same as made here, and no process outlives the ingest that began it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingest import preparing
from ingest.documents import Document
from ingest.preparing import Preparer

if TYPE_CHECKING:
    from tests.conftest import SettingsFactory

DOCUMENTS = [
    Document(str(n), f"Trial {n}", f"Of {n} patients none died. " * (1 + n % 90), {"year": 2000 + n})
    for n in range(120)
]

_KILLED = """
import asyncio, os, signal
from multiprocessing import active_children
from configs.settings import Settings
from ingest import preparing
from tests.ingest.test_preparing import DOCUMENTS

async def run():
    preparer = preparing.Preparer(Settings(), True, lambda: preparing.MANY)
    await preparer.entries(DOCUMENTS)
    print(*(child.pid for child in active_children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    asyncio.run(run())
"""


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with one core begins no process."""
    monkeypatch.setattr(preparing, "_cores", lambda: 2)


async def test_a_large_corpus_gives_the_passages_of_a_small_one(settings: SettingsFactory) -> None:
    """What is found in a corpus does not hang on where its passages were made, though killed processes made some."""
    home = settings()
    small, large = Preparer(home, True, lambda: 0), Preparer(home, True, lambda: preparing.MANY)
    try:
        expected = await small.entries(DOCUMENTS)
        assert not active_children()
        assert await large.entries(DOCUMENTS) == expected
        (process,) = active_children()
        process.kill()
        assert await large.entries(DOCUMENTS) == expected
    finally:
        await large.close()


def test_a_killed_ingest_leaves_no_process_behind(tmp_path: Path) -> None:
    """Kill -9 frees the memory of all that an ingest began, not of its main process alone."""
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    told = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, env=environment)
    assert told.returncode == -signal.SIGKILL, told.stderr
    process = int(told.stdout)
    deadline = time.monotonic() + 10
    while _is_there(process):
        assert time.monotonic() < deadline, "it goes on without its ingest"
        time.sleep(0.02)


def _is_there(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
