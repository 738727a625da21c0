"""kill -9 in the middle of an ingest: nothing stored is lost, nothing is stored twice, nobody is locked out."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from configs.errors import IndexInUse
from ingest import pipeline
from ingest.index.base import Counts
from ingest.index.open import open_index
from tests.support import faults
from tests.support.corpora import Watcher, record, records

if TYPE_CHECKING:
    from pathlib import Path

    from configs.settings import Settings
    from tests.conftest import CorpusWriter, SettingsFactory
    from tests.ingest.conftest import Ingest
    from tests.support.openai_server import OpenAIServer

INGEST = """
import asyncio, json, sys
from configs.loading import load
from ingest import run
from ingest.pipeline import ingest
from tests.support.corpora import Watcher
run._BATCH = 4
asyncio.run(ingest([sys.argv[2]], load(flags=json.loads(sys.argv[3])).settings, Watcher()))
"""


@pytest.fixture
def flags(openai_server: OpenAIServer, tmp_path: Path) -> dict[str, Any]:
    """Settings as JSON, for this process and another."""
    return {
        "data_dir": str(tmp_path / "data"),
        "embedding.provider": "openai",
        "embedding.url": openai_server.url,
        "embedding.batch_size": 4,
        "embedding.concurrency": 2,
    }


@pytest.fixture
def home(settings: SettingsFactory, flags: dict[str, Any]) -> Settings:
    """Those settings."""
    return settings(flags)


def start_and_stall(path: Path, flags: dict[str, Any], server: OpenAIServer, batches: int) -> subprocess.Popen[bytes]:
    """An ingest in another process, which waits on the server after some batches."""
    server.requests.clear()
    server.faults.extend([None] * (1 + batches))
    server.fault = faults.Hang()
    process = subprocess.Popen([sys.executable, "-c", INGEST, "ingest", str(path), json.dumps(flags)])
    try:
        server.wait_for(1 + batches + 2)  # the probe, the batches that went well, two that hang
    except BaseException:
        kill(process, server)
        raise
    return process


def kill(process: subprocess.Popen[bytes], server: OpenAIServer) -> None:
    """Kill -9, and the server well again."""
    process.kill()
    process.wait()
    server.heal()


async def held(home: Settings) -> Counts:
    """What the index holds now."""
    index = await open_index(home)
    try:
        return await index.counts()
    finally:
        await index.close()


async def test_a_killed_ingest_is_taken_up_again(
    home: Settings, flags: dict[str, Any], corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """What was stored is skipped, the rest is stored, and nothing is there twice."""
    path = corpus(records(40))
    kill(start_and_stall(path, flags, openai_server, 5), openai_server)
    before = await held(home)
    assert 0 < before.documents < 40
    summary = await pipeline.ingest([str(path)], home, Watcher())
    assert (summary.documents, summary.skipped) == (40 - before.documents, before.documents)
    assert await held(home) == Counts(40, 40)


async def test_a_kill_amid_edits_leaves_no_old_version(
    home: Settings, flags: dict[str, Any], ingest: Ingest, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """Where it was killed while replacing, the next run finishes the replacing."""
    await ingest(records(40), home)
    edited = [{**record(n), "abstract": f"Now about zebra {n}."} for n in range(40)]
    path = corpus(edited)
    kill(start_and_stall(path, flags, openai_server, 5), openai_server)
    await pipeline.ingest([str(path)], home, Watcher())
    assert await held(home) == Counts(40, 40)
    index = await open_index(home)
    hashes = {document.hash async for document in index.documents()}
    await index.close()
    assert len(hashes) == 40
    again = await pipeline.ingest([str(path)], home, Watcher())
    assert (again.documents, again.skipped) == (0, 40)


async def test_a_second_ingest_is_told_of_the_first(
    home: Settings, flags: dict[str, Any], corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """While one runs, another is refused with the first one's process number and command, and harms nothing."""
    path = corpus(records(40))
    process = start_and_stall(path, flags, openai_server, 3)
    try:
        openai_server.heal()
        with pytest.raises(IndexInUse, match=f"process {process.pid} .*ingest"):
            await pipeline.ingest([str(path)], home, Watcher())
        openai_server.release()
        assert process.wait(60) == 0
    finally:
        kill(process, openai_server)
    assert await held(home) == Counts(40, 40)
