"""One process holds an embedded index, the others share it: started, found, killed, outgrown, idle and told to leave."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from configs.errors import IndexInUse, IndexMissing, IndexStoreError
from ingest import pipeline
from ingest.documents import Document
from ingest.filters import parse
from ingest.index import client, starting, wire
from ingest.index.base import Counts
from ingest.index.client import SharedIndex
from ingest.index.embedded import EmbeddedIndex
from ingest.index.locks import holder
from ingest.index.open import create_index, delete_index, folder_of, open_index
from ingest.index.owner import socket_in
from ingest.lexical import LexicalEncoder
from tests.support.corpora import Watcher, entries, records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from configs.settings import Settings
    from ingest.index.base import Index
    from ingest.progress import Summary
    from tests.conftest import CorpusWriter, SettingsFactory

_PATIENCE = 30.0

READER = """
import asyncio, json, sys
from configs.loading import load
from ingest.index.open import open_index
async def main():
    index = await open_index(load(flags=json.loads(sys.argv[1])).settings)
    print(index.owner, (await index.counts()).documents, flush=True)
    sys.stdin.readline()
asyncio.run(main())
"""
# An owner of another version: what differs is what it says of itself.
STRANGER = """
import sys
from ingest.index import wire
wire.VERSION, wire.build = int(sys.argv.pop()), lambda: "another"
from ingest.index.owner import main
main()
"""


@pytest.fixture
def home(settings: SettingsFactory) -> Settings:
    """Settings of a lexical index."""
    return settings()


async def made(home: Settings, count: int = 20) -> SharedIndex:
    """A new index with some documents, open."""
    index = await create_index(home, None)
    documents = [Document(r["id"], r["title"], r["abstract"], {"year": r["year"]}) for r in records(count)]
    await index.store([entry for document in documents for entry in entries(document, home)], [])
    assert isinstance(index, SharedIndex)
    return index


async def opened(home: Settings) -> SharedIndex:
    """The index, open."""
    index = await open_index(home)
    assert isinstance(index, SharedIndex)
    return index


def pid(index: SharedIndex) -> int:
    """The process that holds an index."""
    found = re.search(r"\d+", index.owner)
    assert found
    return int(found[0])


def kill(process: int, number: int = signal.SIGKILL) -> None:
    """End a process, and return when it has ended."""
    descriptor = os.pidfd_open(process)
    try:
        os.kill(process, number)
        assert select.select([descriptor], [], [], _PATIENCE)[0]
    finally:
        os.close(descriptor)


async def everything(index: Index) -> set[tuple[str, str]]:
    """Every document that is stored, with its hash."""
    return {(document.id, document.hash) async for document in index.documents()}


@pytest.fixture
def reader(home: Settings) -> Iterator[Any]:
    """A function that has another process open the index; gives it, with what it said."""
    started: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-c", READER, json.dumps({"data_dir": str(home.data_dir)})]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline()

    yield start
    for process in started:
        process.kill()
        process.communicate()


async def test_many_who_come_at_once_find_one_owner(home: Settings) -> None:
    """However many start it at the same moment, one stays, and all are served."""
    first = await made(home)
    await first.close()
    kill(pid(first))
    several = await asyncio.gather(*(opened(home) for _ in range(4)))
    assert len({index.owner for index in several}) == 1
    assert await asyncio.gather(*(index.counts() for index in several)) == [Counts(20, 20)] * 4
    for index in several:
        await index.close()


async def test_a_reader_searches_while_another_stores(home: Settings) -> None:
    """Chat goes on during an ingest, and finds what is there by then; filters travel."""
    writer = await made(home, 8)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(writer.close)
        chat = await opened(home)
        stack.push_async_callback(chat.close)
        query = LexicalEncoder(home.lexical).query("aspirin in stroke")
        more = [Document(f"more-{n}", "Aspirin", f"Aspirin {n}.", {"year": 2000 + n % 10}) for n in range(600)]
        batch = [entry for document in more for entry in entries(document, home)]
        storing = asyncio.create_task(writer.store(batch, []))
        found = [len((await chat.candidates(query, None, 1000)).lexical)]
        while not storing.done():
            found.append(len((await chat.candidates(query, None, 1000)).lexical))
        await storing
        assert found == sorted(found)
        assert len((await chat.candidates(query, None, 1000)).lexical) == 601
        assert len((await chat.candidates(query, None, 1000, parse("year:2003"))).lexical) == 60
        assert await chat.counts(parse("year>=2000")) == Counts(600, 600)


async def test_of_two_who_would_store_the_second_is_told_of_the_first(home: Settings) -> None:
    """Two ingests would spoil each other's ledger; who only reads is never refused."""
    writer = await made(home)
    with pytest.raises(IndexInUse, match=f"process {os.getpid()}"):
        await open_index(home, writing=True)
    chat = await opened(home)
    with pytest.raises(IndexInUse, match=f"process {os.getpid()}"):
        await chat.store([], ["doc-1"])
    await writer.close()
    await (await open_index(home, writing=True)).close()
    assert await chat.counts() == Counts(20, 20)
    await chat.close()


async def test_who_is_gone_keeps_nobody_from_storing(home: Settings) -> None:
    """What a killed ingest had sent is stored, and the next ingest may begin at once."""
    index = await made(home)
    await index.close()
    link = await client._greet(folder_of(home), writing=True)
    more = [Document(f"more-{n}", "Aspirin", f"Aspirin {n}.") for n in range(640)]
    head, body = wire.pack_entries([entry for document in more for entry in entries(document, home)])
    for number in range(8):
        link._writer.write(wire.frame({**head, "id": number, "call": "put"}, body))
    await link.close()
    again = await open_index(home, writing=True)
    await again.store([], ["doc-1"])
    assert await again.counts() == Counts(659, 659)
    await again.close()


async def test_an_ingest_whose_owner_is_killed_loses_nothing(
    home: Settings, settings: SettingsFactory, corpus: CorpusWriter
) -> None:
    """Kill -9 the owner again and again in mid-ingest: the ingest ends as if nothing had been, and so does the index."""
    path = corpus([*records(1_500), {"id": "doc-3", "title": "Edited", "abstract": "Another text."}])

    class Killer(Watcher):
        """Kills the owner after some of the batches."""

        kills = 0

        def progressed(self, summary: Summary, origin: str) -> None:
            """See `Observer`."""
            super().progressed(summary, origin)
            found = re.search(r"\d+", holder(folder_of(home)).who)
            if found and len(self.progress) % 2 and self.kills < 3:
                self.kills += 1
                kill(int(found[0]))

    killer = Killer()
    summary = await pipeline.ingest([str(path)], home, killer)
    calm = settings({"index.name": "calm"})
    undisturbed = await pipeline.ingest([str(path)], calm, Watcher())
    assert killer.kills > 1
    assert (summary.documents, summary.replaced) == (undisturbed.documents, undisturbed.replaced)
    disturbed, whole = await opened(home), await opened(calm)
    assert await everything(disturbed) == await everything(whole)
    assert await disturbed.counts() == await whole.counts()
    await disturbed.close()
    await whole.close()


async def test_a_call_that_kills_every_owner_is_told(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody starts owners for ever: the message names the log."""
    await (await made(home)).close()
    index = await opened(home)
    connected = SharedIndex._connected

    async def dying(self: SharedIndex) -> Any:
        link = await connected(self)
        process = re.search(r"\d+", link.said["who"])
        assert process
        kill(int(process[0]))
        return link

    monkeypatch.setattr(SharedIndex, "_connected", dying)
    with pytest.raises(IndexStoreError, match="broke off again and again") as caught:
        await index.counts()
    assert str(starting.log_file()) in caught.value.fix
    await index.close()


async def test_a_killed_client_leaves_the_owner_to_the_others(home: Settings, reader: Any) -> None:
    """The owner is nobody's child, and holds no pipe or terminal of who started it."""
    index = await made(home)
    await index.close()
    kill(pid(index))
    process, said = reader()
    assert said.endswith(" 20\n")
    kill(process.pid)
    assert process.stdout.read() == ""  # else it would wait for the owner
    index = await opened(home)
    assert said.startswith(index.owner)
    assert os.getsid(pid(index)) != os.getsid(0)
    assert [os.readlink(f"/proc/{pid(index)}/fd/{n}") for n in (0, 1)] == [os.devnull] * 2  # noqa: PTH115
    await index.close()


async def test_it_leaves_when_nobody_asks_and_comes_when_somebody_does(settings: SettingsFactory) -> None:
    """An idle owner frees its memory and the lock; a chat that stayed open does not notice."""
    home = settings({"index.idle_minutes": 0.02})
    writer = await made(home)
    chat = await opened(home)
    await writer.close()
    descriptor = os.pidfd_open(pid(chat))
    assert select.select([descriptor], [], [], _PATIENCE)[0]
    os.close(descriptor)
    await EmbeddedIndex.load(folder_of(home)).close()
    assert await chat.counts() == Counts(20, 20)
    await chat.close()


async def test_told_to_end_it_lets_go_in_order(home: Settings) -> None:
    """SIGTERM at logout or shutdown: everything is stored, lock and socket are gone."""
    index = await made(home)
    await index.close()
    address = holder(folder_of(home)).socket
    assert stat.S_IMODE(os.stat(address).st_mode) == 0o600  # noqa: PTH116
    kill(pid(index), signal.SIGTERM)
    with pytest.raises(FileNotFoundError):
        os.stat(address)  # noqa: PTH116
    alone = EmbeddedIndex.load(folder_of(home))
    assert await alone.counts() == Counts(20, 20)
    await alone.close()


async def test_an_index_is_deleted_though_someone_reads_it(home: Settings) -> None:
    """The owner lets go first; who still has it open is told that it is gone."""
    index = await made(home)
    await index.close()
    chat = await opened(home)
    await delete_index(home)
    assert not folder_of(home).exists()
    with pytest.raises(IndexMissing):
        await chat.counts()
    await chat.close()


async def test_an_index_is_not_deleted_under_an_ingest(home: Settings) -> None:
    """Who stores has the right of way."""
    writer = await made(home)
    with pytest.raises(IndexInUse, match=f"process {os.getpid()}"):
        await delete_index(home)
    assert await writer.counts() == Counts(20, 20)
    await writer.close()


async def test_an_index_made_anew_is_another_one(home: Settings) -> None:
    """A chat does not go on in an index that only has the name of the one it opened."""
    index = await made(home)
    await index.close()
    chat = await opened(home)
    await delete_index(home)
    await (await made(home, 3)).close()
    with pytest.raises(IndexStoreError, match="made anew"):
        await chat.counts()
    await chat.close()


def stranger(home: Settings, version: int) -> str:
    """Start an owner of another version."""
    place = starting.socket_place()
    assert place is not None
    folder = folder_of(home)
    command = [sys.executable, "-c", STRANGER, "", str(folder), str(place), "600", str(version)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    said, _ = process.communicate(timeout=_PATIENCE)
    assert json.loads(said) == {}
    return holder(folder).who


@pytest.mark.parametrize("version", [0, 1])
async def test_an_owner_of_another_version_gives_way(version: int, home: Settings) -> None:
    """After an upgrade the old owner is replaced at once, as long as nobody needs it."""
    index = await made(home)
    await index.close()
    kill(pid(index))
    who = stranger(home, version)
    index = await opened(home)
    assert index.owner != who
    assert await index.counts() == Counts(20, 20)
    await index.close()


async def test_an_older_owner_in_use_is_told_and_not_disturbed(home: Settings) -> None:
    """While an older chat is open, a newer program says what to close, and the older goes on."""
    index = await made(home)
    await index.close()
    kill(pid(index))
    who = stranger(home, 0)
    older = await client._greet(folder_of(home))
    with pytest.raises(IndexInUse, match=re.escape(who)) as caught:
        await open_index(home)
    assert "Close every citewell" in caught.value.fix
    assert (await older.call("counts", {"where": None}, b""))[0]["documents"] == 20
    await older.close()


async def test_what_is_wrong_with_the_index_is_told_through_the_owner(home: Settings) -> None:
    """Missing, damaged, held by one who does not share: the same messages as without an owner."""
    with pytest.raises(IndexMissing, match="citewell ingest"):
        await open_index(home)
    index = await made(home)
    await index.close()
    kill(pid(index))
    shutil.rmtree(folder_of(home) / "shard")
    with pytest.raises(IndexStoreError, match="cannot be opened") as caught:
        await open_index(home)
    assert "citewell index delete default" in caught.value.fix
    await delete_index(home)


async def test_who_holds_it_alone_is_named_after_a_while(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone who opened it without sharing is waited for, not for ever."""
    monkeypatch.setattr(client, "PATIENCE", 0.1)
    index = await made(home)
    await index.close()
    kill(pid(index), signal.SIGTERM)
    alone = EmbeddedIndex.load(folder_of(home))
    with pytest.raises(IndexInUse, match=f"process {os.getpid()}"):
        await open_index(home)
    await alone.close()


async def test_rubbish_on_the_socket_harms_nobody(home: Settings) -> None:
    """Whatever connects and sends no frame is hung up on."""
    index = await made(home)
    for rubbish in (b"GET / HTTP/1.0\r\n\r\n", b"\xff" * 100, b"\x02\0\0\0\0\0\0\0[]", b""):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(holder(folder_of(home)).socket)
            connection.sendall(rubbish)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
    assert await index.counts() == Counts(20, 20)
    await index.close()


def test_sockets_lie_where_only_their_user_can_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that others may write to is passed over, and so is one too deep for a socket's path."""
    open_to_all = tmp_path / "citewell"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    for runtime in (tmp_path, tmp_path / ("x" * 90)):
        runtime.mkdir(exist_ok=True)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        place = starting.socket_place()
        assert place is not None
        assert tmp_path not in place.parents
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert len(str(socket_in(place, tmp_path))) <= 104
