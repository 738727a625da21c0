"""A new index beside the one of the same name, which answers until the new one is whole; then the two are exchanged."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import IndexInUse, IndexMissing, IndexStoreError
from ingest.index import client, embedded
from ingest.index.base import Index, Manifest
from ingest.index.faults import explained, need_space
from ingest.index.locks import acquire, holder, in_use
from ingest.index.open import folder_of, ledger_of
from ingest.index.succession import folder_beside, succeed
from ingest.ledger import delete_ledger

if TYPE_CHECKING:
    from configs.settings import Settings
    from ingest.index.server import ServerIndex

_POLL = 0.02


def ledger_beside(settings: Settings) -> Path:
    """Where the ledger of the new index lies until the exchange."""
    if settings.index.home == "embedded":
        return folder_beside(folder_of(settings)) / "ledger.sqlite"
    return ledger_of(settings).with_name(f".{settings.index.name}.new.sqlite")


async def open_beside(settings: Settings, dimensions: int | None) -> Index:
    """Open what an interrupted build with these very settings left, or begin anew.

    Raises:
        IndexInUse, IndexStoreError, ServerError: another process builds it; it cannot be written.
    """
    manifest = Manifest.of(settings, dimensions)
    if settings.index.home == "embedded":
        return await _embedded(folder_of(settings), manifest)
    return await _on_server(settings, manifest)


async def _embedded(folder: Path, manifest: Manifest) -> Index:
    place = folder_beside(folder)
    if place.is_dir():
        with explained(place, "opened"):
            need_space(place)
        try:
            index = embedded.EmbeddedIndex.load(place)
            if _alike(index.manifest, manifest):
                return index
            await index.close()
        except IndexInUse:
            raise in_use(folder, f"{holder(place).who}, which builds it anew") from None
        except IndexStoreError:  # it was never finished, or is damaged
            pass
        embedded.delete(place)
    return embedded.EmbeddedIndex.create(place, manifest)


async def _on_server(settings: Settings, manifest: Manifest) -> ServerIndex:
    from ingest.index import server

    name, url = folder_of(settings).name, settings.index.url
    connection = server.connect(settings.index)
    try:
        with contextlib.suppress(IndexStoreError):  # not ours, or of another form
            left = await server.ServerIndex.load_beside(connection, name, url)
            if left is not None and _alike(left.manifest, manifest):
                return left
        return await server.ServerIndex.create_beside(connection, name, manifest, url)
    except BaseException:
        await connection.close()
        raise


def _alike(one: Manifest, other: Manifest) -> bool:
    return (one.made_with, one.domain, one.labels) == (other.made_with, other.domain, other.labels)


async def put_in_place(settings: Settings, index: Index) -> None:
    """Let a whole index that `open_beside` gave take the place of the old one, its ledger (closed) too; it is closed.

    Raises:
        IndexInUse, IndexStoreError, ServerError: someone stores in the old one, or holds it for themselves; both stay.
    """
    await index.flush()
    if settings.index.home == "embedded":
        await index.close()
        await _exchange(folder_of(settings))
        return
    try:
        await index.succeed()  # type: ignore[attr-defined]  # a ServerIndex, whose module takes a second to import
    finally:
        await index.close()
    delete_ledger(ledger_of(settings))
    with contextlib.suppress(FileNotFoundError):
        ledger_beside(settings).rename(ledger_of(settings))


async def _exchange(folder: Path) -> None:
    """Have the old one's owner let go of it, and be quicker than the next."""
    until = time.monotonic() + client.PATIENCE
    while True:
        try:
            with contextlib.suppress(IndexMissing):
                await client.release(folder)
            lock = acquire(folder, make=True)
            break
        except IndexInUse:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(_POLL)
    with lock, explained(folder, "written", "Run the same command again; what was built is kept."):
        succeed(folder)
