"""An embedded index as most processes have it: through the process that owns it, which is started where there is none.

Every call is a read, or a store whose points have the same ids however often they are stored. So a call that
the owner's end cut short is made again to a new owner; whoever called notices nothing but the wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

from configs.errors import IndexInUse, IndexReplaced, IndexStoreError
from ingest.documents import Passage
from ingest.index import wire
from ingest.index.base import Candidates, Counts, Entry, Manifest, StoredDocument, Vector
from ingest.index.faults import missing
from ingest.index.link import Gone, Link
from ingest.index.locks import holder, this_process
from ingest.index.starting import log_file, socket_place, start

if TYPE_CHECKING:
    from pathlib import Path

    from configs.settings import IndexSettings
    from ingest.filters import Filter
    from ingest.lexical import SparseVector

# Seconds that a newcomer waits for one who starts, leaves, or holds the index briefly for itself.
PATIENCE = 5.0
_BRIEFLY = 0.5
_POLL = 0.02
# Every so many looks for an owner, another one is started.
_LOOKS = 25
# Passages stored in one call, some 3 ms of the owner's time: a search waits for two or three of them.
_SLICE = 16
# How often a call is made where owners end amid it; the first may have been idle and just about to leave.
_TRIES = 3
# Seconds for the handshake; an owner amid a call of Edge answers after it.
_GREETING = 60.0


class SharedIndex:
    """An index in a folder of this machine, open in its owner. Made by `connect`; errors as `EmbeddedIndex`."""

    def __init__(self, folder: Path, settings: IndexSettings, link: Link, *, writing: bool) -> None:
        self.name = folder.name
        self.folder = folder
        self.manifest = Manifest.from_json(link.said["manifest"], str(folder))
        self._settings = settings
        self._writing = writing
        self._link: Link = link
        self._connecting = asyncio.Lock()
        self._closed = False

    @property
    def owner(self) -> str:
        """The process that holds it."""
        return str(self._link.said["who"])

    @property
    def others(self) -> int:
        """How many others had it open when this one came."""
        return int(self._link.said["clients"])

    async def store(self, entries: Sequence[Entry], replaced: Sequence[str]) -> None:
        """See `Index.store`. In slices, so that what others ask is answered in between."""
        await asyncio.gather(
            *(self._call("put", *wire.pack_entries(entries[n : n + _SLICE])) for n in range(0, len(entries), _SLICE))
        )
        if replaced:
            kept = [entry.passage.point_id for entry in entries]
            await self._call("drop", {"documents": list(replaced), "kept": kept})

    async def candidates(
        self, lexical: SparseVector, dense: Vector | None, limit: int, where: Filter | None = None
    ) -> Candidates:
        """See `Index.candidates`."""
        head, body = wire.pack_query(lexical, dense)
        asked = {**head, "limit": limit, "where": where and where.text}
        return wire.unpack_candidates(*await self._call("candidates", asked, body))

    async def fetch(self, point_ids: Sequence[str]) -> list[Passage]:
        """See `Index.fetch`."""
        told, _ = await self._call("fetch", {"ids": list(point_ids)})
        return [Passage.from_payload(payload) for payload in told["passages"]]

    async def counts(self, where: Filter | None = None) -> Counts:
        """See `Index.counts`."""
        told, _ = await self._call("counts", {"where": where and where.text})
        return Counts(told["documents"], told["passages"])

    async def facets(self) -> dict[str, int]:
        """See `Index.facets`."""
        told, _ = await self._call("facets")
        return dict(told["facets"])

    async def documents(self) -> AsyncIterator[StoredDocument]:
        """See `Index.documents`."""
        offset = None
        while True:
            told, _ = await self._call("documents", {"offset": offset})
            for row in told["page"]:
                yield StoredDocument(*row)
            offset = told["next"]
            if offset is None:
                return

    async def size_bytes(self) -> int | None:
        """See `Index.size_bytes`."""
        told, _ = await self._call("size")
        return int(told["bytes"])

    async def flush(self) -> None:
        """See `Index.flush`."""
        await self._call("flush")

    async def unoptimized(self) -> int:
        """See `Optimizable.unoptimized`."""
        told, _ = await self._call("unoptimized")
        return int(told["passages"])

    async def copy(self) -> str:
        """See `Optimizable.copy`."""
        told, _ = await self._call("copy")
        return str(told["copy"])

    async def swap(self, copy: str) -> bool:
        """See `Optimizable.swap`."""
        told, _ = await self._call("swap", {"copy": copy})
        return bool(told["swapped"])

    async def close(self) -> None:
        """See `Index.close`; the owner stays for the others, and for a while."""
        self._closed = True
        await self._link.close()

    async def _call(self, call: str, head: wire.Head | None = None, body: bytes = b"") -> tuple[wire.Head, bytes]:
        for _ in range(_TRIES):
            link = await self._connected()
            try:
                return await link.call(call, head or {}, body)
            except Gone:
                await link.close()
        raise IndexStoreError(
            f"index “{self.name}”: the process that holds it broke off again and again in one call ({call})",
            where=str(self.folder),
            fix=f"Run the same command again; what was stored is kept. {log_file()} says more.",
        )

    async def _connected(self) -> Link:
        async with self._connecting:
            if self._closed:
                raise IndexStoreError(f"index “{self.name}” is closed", where=str(self.folder), fix="Open it again.")
            if not self._link.usable:
                await self._link.close()
                self._link = await _reach(self.folder, self._settings, writing=self._writing)
                if self._link.said["manifest"]["id"] != self.manifest.id:
                    raise IndexReplaced(
                        f"index “{self.name}” was made anew meanwhile",
                        where=str(self.folder),
                        fix="Run the same command again.",
                    )
            return self._link


async def connect(folder: Path, settings: IndexSettings, *, writing: bool = False) -> SharedIndex:
    """The index in `folder` (an absolute path), through its owner, started if need be.

    `writing` is for the one who will store in it.

    Raises:
        IndexMissing, IndexInUse, IndexStoreError: none there; held by one who does not share; damaged.
    """
    return SharedIndex(folder, settings, await _reach(folder, settings, writing=writing), writing=writing)


async def release(folder: Path) -> None:
    """Have the owner of the index in `folder` let go of it, where there is one.

    Raises:
        IndexInUse: somebody is storing in it.
    """
    with contextlib.suppress(Gone):
        link = await _greet(folder, leave=True)
        try:
            await link.ended()
        finally:
            await link.close()


async def _reach(folder: Path, settings: IndexSettings, *, writing: bool) -> Link:
    """A connection to the owner, whoever starts it: of several started at once, the lock lets one stay.

    One of another version gives way to one of this, where nobody else needs it; once, since a program that
    was replaced while it runs would start the other version again.
    """
    place = socket_place()
    if place is None:
        raise IndexStoreError("there is no private place for a socket", fix="Set index.shared to false.")
    deadline = time.monotonic() + PATIENCE
    replaced = False
    for looks in count():
        with contextlib.suppress(Gone):
            try:
                link = await _greet(folder, writing=writing)
            except IndexInUse:
                if not writing or time.monotonic() > deadline - PATIENCE + _BRIEFLY:
                    raise
                await asyncio.sleep(_POLL)  # who stored may have gone, and the owner not have noticed yet
                continue
            if link.said["build"] == wire.build() or (replaced and link.said["wire"] == wire.VERSION):
                return link
            await link.close()
            if replaced or (link.said["clients"] and link.said["wire"] != wire.VERSION):
                raise _other_version(folder, link.said)
            replaced = True
            if not link.said["clients"]:
                await release(folder)
            continue
        if looks % _LOOKS == 0 or time.monotonic() > deadline:
            try:
                await start(folder, place, settings.idle_minutes * 60)
                continue
            except IndexInUse:
                if time.monotonic() > deadline:
                    raise
        # Another one starts or leaves: look whether it can be reached, and now and then try to take its place.
        await asyncio.sleep(_POLL)
    raise AssertionError("counting ended")


async def _greet(folder: Path, **asked: bool) -> Link:
    """Connect and shake hands with the owner that is there; `asked` goes along (see `wire.hello`).

    Raises:
        Gone: there is none.
        IndexMissing, IndexInUse, IndexStoreError: nothing is there at all; the owner refuses.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(_address(folder), limit=wire.BUFFER)
    except OSError:
        raise Gone from None
    try:
        async with asyncio.timeout(_GREETING):
            writer.write(wire.frame(wire.hello(who=this_process(), **asked)))
            return Link(reader, writer, _welcome(await wire.read(reader)))
    except TimeoutError:
        writer.close()
        raise IndexInUse(
            f"index “{folder.name}”: {holder(folder).who} holds it and does not answer",
            where=str(folder),
            fix="End that process, then run the same command again.",
        ) from None
    except BaseException:
        writer.close()
        raise


def _other_version(folder: Path, said: wire.Head) -> IndexInUse:
    return IndexInUse(
        f"index “{folder.name}” is held by {said['who']}, which is of another version of citewell",
        where=str(folder),
        fix="Close every citewell that is open, then run the same command again.",
    )


def _address(folder: Path) -> str:
    if not folder.is_dir():
        raise missing(folder)
    address = holder(folder).socket
    if not address:
        raise Gone
    return address


def _welcome(came: tuple[wire.Head, bytes] | None) -> wire.Head:
    if came is None:
        raise Gone
    if "error" in came[0]:
        raise wire.error_from_json(came[0]["error"])
    return came[0]
