"""The process that holds an embedded index open and serves the others of the same user over a local socket.

`ingest.index.client` starts it, detached from terminal and pipes; it leaves when nobody has asked for a
while, when it is told to, and when its folder is gone. One event loop and no threads: Edge holds the GIL in
every call, so a thread would gain nothing; clients store in slices, between which searches have their turn.

Only the standard library, Edge and a few of our modules are imported: a first `ask` waits for this start.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import hashlib
import json
import logging
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from configs.errors import CitewellError, IndexInUse
from ingest.index import wire
from ingest.index.embedded import EmbeddedIndex
from ingest.index.locks import acquire, in_use
from ingest.text import one_line

if TYPE_CHECKING:
    from ingest.filters import Filter

_log = logging.getLogger("citewell.owner")
# Seconds between looks at whether the folder is still there.
_LOOK = 15.0
# Seconds that calls under way are given when it has to leave.
_GRACE = 10.0
_MOST_TOLD = 80
WHO = "process {} (citewell owner)"

Reply: TypeAlias = tuple[wire.Head, bytes]


class Client:
    """One connection, and who is at its other end."""

    def __init__(self, who: str, writer: asyncio.StreamWriter) -> None:
        self.who = who
        self.writer = writer

    def send(self, head: wire.Head, body: bytes = b"") -> None:
        """Write a frame, unless the other end has gone."""
        if not self.writer.is_closing():
            self.writer.write(wire.frame(head, body))


class Owner:
    """Serves one open index until it leaves. `idle` is in seconds."""

    def __init__(self, index: EmbeddedIndex, idle: float) -> None:
        self.index = index
        self.leaving = asyncio.Event()
        self._idle = idle
        self._who = WHO.format(os.getpid())
        self._since = self._last = time.monotonic()
        self._clients: set[Client] = set()
        self._writing: Client | None = None
        self._optimizing: Client | None = None
        self._one_writes = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls: dict[str, Callable[[Client, wire.Head, bytes], Awaitable[Reply]]] = {
            "put": self._put,
            "drop": self._drop,
            "candidates": self._candidates,
            "fetch": self._fetch,
            "counts": self._counts,
            "facets": self._facets,
            "documents": self._documents,
            "size": self._size,
            "flush": self._flush,
            "unoptimized": self._unoptimized,
            "copy": self._copy,
            "swap": self._swap,
        }

    async def serve(self, listening: socket.socket) -> None:
        """Answer until there is a reason to leave; then release everything."""
        server = await asyncio.start_unix_server(self._connected, sock=listening, limit=wire.BUFFER)
        try:
            await self._until_idle()
        finally:
            self.leaving.set()
            server.close()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=_GRACE)
            with contextlib.suppress(CitewellError):
                await self.index.flush()
            await self.index.close()
            for client in self._clients:  # who asked it to leave learns by this that it has
                client.writer.close()

    async def _until_idle(self) -> None:
        while not self.leaving.is_set() and self.index.lock.stands:
            quiet = time.monotonic() - self._last
            busy = self._tasks or self._writing or self._optimizing
            if quiet >= self._idle and not busy:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.leaving.wait(), min(max(self._idle - quiet, 0.05), _LOOK))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = None
        try:
            client = await self._greeted(reader, writer)
            while client is not None and (came := await wire.read(reader)) is not None:
                if self.leaving.is_set():
                    break  # hanging up, it sends them to the next owner
                task = asyncio.create_task(self._answer(client, *came))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                await writer.drain()
        except (wire.Garbled, ConnectionError):
            _log.warning("a client broke off")
        except asyncio.CancelledError:  # the loop ends; asyncio's own callback would call that an error
            pass
        finally:
            if client is not None:
                self._forget(client)
            writer.close()

    async def _greeted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Client | None:
        """The handshake; None where it ends the connection."""
        came = await wire.read(reader) if _same_user(writer) else None
        if came is None:
            return None
        theirs, _ = came
        client = Client(one_line(str(theirs.get("who", "")))[:_MOST_TOLD], writer)
        now = time.monotonic()
        told = {
            "who": self._who,
            "clients": len(self._clients),
            "quiet": now - self._last,
            "age": now - self._since,
            "manifest": self.index.manifest.to_json(),
        }
        self._clients.add(client)
        try:
            if theirs.get("writing") or theirs.get("leave"):
                self._take_writing(client)
        except IndexInUse as error:
            self._clients.discard(client)
            client.send(wire.hello(**told, error=wire.error_to_json(error)))
            return None
        if theirs.get("leave"):
            self.leaving.set()
        self._last = now
        client.send(wire.hello(**told))
        return client

    def _take_writing(self, client: Client) -> None:
        if self._writing not in (None, client):
            raise in_use(self.index.folder, self._writing.who if self._writing else "")
        if client in self._clients:  # of one that has gone, what it had sent is stored, and nobody kept out
            self._writing = client

    def _forget(self, client: Client) -> None:
        self._clients.discard(client)
        if self._writing is client:
            self._writing = None
        if self._optimizing is client:
            self._optimizing = None
        self._last = time.monotonic()

    async def _answer(self, client: Client, head: wire.Head, body: bytes) -> None:
        number = head.get("id")
        try:
            told, data = await self._calls[head["call"]](client, head, body)
            client.send({"id": number, **told}, data)
        except CitewellError as error:
            client.send({"id": number, "error": wire.error_to_json(error)})
        except (KeyError, TypeError, ValueError, wire.Garbled):
            _log.exception("a call that cannot be understood")
            client.writer.close()
        finally:
            self._last = time.monotonic()

    async def _put(self, client: Client, head: wire.Head, body: bytes) -> Reply:
        self._take_writing(client)
        async with self._one_writes:
            self.index.put(wire.unpack_entries(head, body))
        return {}, b""

    async def _drop(self, client: Client, head: wire.Head, _: bytes) -> Reply:
        self._take_writing(client)
        async with self._one_writes:
            self.index.drop(head["documents"], head["kept"])
        return {}, b""

    async def _candidates(self, _: Client, head: wire.Head, body: bytes) -> Reply:
        lexical, dense = wire.unpack_query(head, body)
        return wire.pack_candidates(await self.index.candidates(lexical, dense, head["limit"], _where(head)))

    async def _fetch(self, _: Client, head: wire.Head, __: bytes) -> Reply:
        return {"passages": self.index.payloads(head["ids"])}, b""

    async def _counts(self, _: Client, head: wire.Head, __: bytes) -> Reply:
        counts = await self.index.counts(_where(head))
        return {"documents": counts.documents, "passages": counts.passages}, b""

    async def _facets(self, *_: object) -> Reply:
        return {"facets": await self.index.facets()}, b""

    async def _documents(self, _: Client, head: wire.Head, __: bytes) -> Reply:
        documents, following = self.index.page(head["offset"])
        return {"page": [(one.id, one.hash, one.text_hash, one.metadata) for one in documents], "next": following}, b""

    async def _size(self, *_: object) -> Reply:
        return {"bytes": await self.index.size_bytes()}, b""

    async def _flush(self, *_: object) -> Reply:
        async with self._one_writes:
            await self.index.flush()
        return {}, b""

    async def _unoptimized(self, *_: object) -> Reply:
        return {"passages": await self.index.unoptimized()}, b""

    async def _copy(self, client: Client, *_: object) -> Reply:
        if self._optimizing not in (None, client):
            raise in_use(self.index.folder, f"{self._optimizing.who if self._optimizing else ''}, which optimizes it")
        if client in self._clients:
            self._optimizing = client
        async with self._one_writes:
            return {"copy": await self.index.copy()}, b""

    async def _swap(self, _: Client, head: wire.Head, __: bytes) -> Reply:
        async with self._one_writes:
            return {"swapped": await self.index.swap(head["copy"])}, b""


def _where(head: wire.Head) -> Filter | None:
    """The filter of a call, which travels as the text it was written in."""
    if not head["where"]:
        return None
    from ingest.filters import parse  # most searches have none

    return parse(head["where"])


def _same_user(writer: asyncio.StreamWriter) -> bool:
    """Whether the other end is a process of this user; where the system does not tell, mode 600 has to do."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True
    credentials = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i"))
    return bool(struct.unpack("3i", credentials)[1] == os.getuid())


def socket_in(place: Path, folder: Path) -> Path:
    """Where the owner of the index in `folder` listens: a short name, for a socket's path may have some 100 bytes."""
    return place / f"{hashlib.blake2b(os.fsencode(folder.resolve()), digest_size=8).hexdigest()}.sock"


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A socket at `path` for this user alone, in place of one that a killed owner left; gone at the end."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        try:
            path.chmod(0o600)
            listening.listen()
            yield listening
        finally:
            path.unlink(missing_ok=True)


def _own(folder: Path, place: Path, idle: float) -> None:
    """Hold the index in `folder` and serve it until there is a reason to leave.

    It listens before it loads: who comes meanwhile waits for the handshake instead of looking again.
    """
    with acquire(folder) as lock, _listening(socket_in(place, folder)) as listening:
        lock.announce(WHO.format(os.getpid()), listening.getsockname())
        index = EmbeddedIndex.load(folder, lock)
        _log.info("holds %s", folder)
        _report({})
        asyncio.run(_serve(Owner(index, idle), listening))
        _log.info("leaves %s", folder)


async def _serve(owner: Owner, listening: socket.socket) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, owner.leaving.set)
    await owner.serve(listening)


def _report(said: wire.Head) -> None:
    """Tell whoever started this how it went, once, and let go of their pipe."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(said).encode())
    os.dup2(0, 1)  # standard input is /dev/null


def main() -> None:
    """`… ROOT FOLDER PLACE IDLE_SECONDS`, as `client` calls it; standard output takes one line of JSON, then nothing."""
    _, _, folder, place, idle = sys.argv
    if os.fork():
        os._exit(0)  # nobody's child: whoever started it need not stay to bury it
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    os.umask(0o077)
    faulthandler.enable()
    logging.basicConfig(format="%(asctime)s %(process)d %(message)s", level=logging.INFO)
    wire.build()  # of the code that runs here, whatever replaces its files later
    try:
        _own(Path(folder), Path(place), float(idle))
    except CitewellError as error:
        _log.info("%s", one_line(str(error)))
        _report({"error": wire.error_to_json(error)})
