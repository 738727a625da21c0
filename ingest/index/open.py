"""Open, make, list and delete indexes, whichever home the settings name."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from configs.errors import IndexMissing, InputError
from configs.settings import Settings
from ingest.index import client, embedded, starting
from ingest.index.base import Index, Manifest
from ingest.index.optimize import Progress, optimizable, optimize
from ingest.index.succession import folder_beside
from ingest.ledger import delete_ledger

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def folder_of(settings: Settings) -> Path:
    """Where the embedded index of these settings lies.

    Raises:
        InputError: the name could be a path, or is no name at all.
    """
    name = settings.index.name
    if not _NAME.fullmatch(name):
        raise InputError(
            f"“{name}” is no name for an index",
            fix="Use up to 64 letters, digits, dots, dashes and underscores, a letter or digit first.",
            usage=True,
        )
    return settings.data_dir.absolute() / "indexes" / name


def ledger_of(settings: Settings) -> Path:
    """Where the ledger of the index of these settings lies: in its folder, or apart where a server holds the index."""
    folder = folder_of(settings)
    if settings.index.home == "embedded":
        return folder / "ledger.sqlite"
    return settings.data_dir / "ledgers" / f"{folder.name}.sqlite"


async def open_index(
    settings: Settings, *, check: bool = True, dimensions: int | None = None, writing: bool = False
) -> Index:
    """Open the index of these settings and, unless told otherwise, see that it was made with them.

    `dimensions` is what the embedder answers with, where that is known; `writing` is for the one who
    will store in it: of an embedded index, one process at a time may.

    Raises:
        IndexMissing, IndexInUse, IndexMismatch, IndexStoreError, ServerError
    """
    folder = folder_of(settings)
    index: Index
    if settings.index.home == "embedded":
        index = await _open_embedded(folder, settings, writing=writing)
    else:
        from ingest.index import server

        connection = server.connect(settings.index)
        try:
            index = await server.ServerIndex.load(connection, folder.name, settings.index.url)
        except BaseException:
            await connection.close()
            raise
    try:
        if check:
            # Who stores must say the domain themselves: its prefix would go before their documents.
            used = settings if writing else index.manifest.filled(settings)
            index.manifest.check(used, folder.name, dimensions, storing=writing)
            if writing:
                index.manifest.check_labels(settings, folder.name)
    except BaseException:
        await index.close()
        raise
    return index


def _is_shared(settings: Settings) -> bool:
    """Whether others may use an embedded index at the same time; where the system has no private local sockets, none may."""
    return settings.index.shared and starting.socket_place() is not None


async def _open_embedded(folder: Path, settings: Settings, *, writing: bool) -> Index:
    if _is_shared(settings):
        return await client.connect(folder, settings.index, writing=writing)
    return embedded.EmbeddedIndex.load(folder)


async def create_index(settings: Settings, dimensions: int | None) -> Index:
    """Make the index of these settings, empty; `dimensions` of the embedder, None without one."""
    folder = folder_of(settings)
    manifest = Manifest.of(settings, dimensions)
    if settings.index.home == "embedded":
        made = embedded.EmbeddedIndex.create(folder, manifest)
        if not _is_shared(settings):
            return made
        await made.close()
        return await _open_embedded(folder, settings, writing=True)
    from ingest.index import server

    connection = server.connect(settings.index)
    try:
        return await server.ServerIndex.create(connection, folder.name, manifest, settings.index.url)
    except BaseException:
        await connection.close()
        raise


async def optimize_index(settings: Settings, progress: Progress, *, least: int = 1) -> int | None:
    """Build search graphs over the index of these settings, where `least` passages or more are in none yet.

    `progress` is told the stage about once a second. Returns how many passages were brought in, None where there
    is nothing to do for us: a Qdrant server sees to it itself.

    Raises:
        IndexMissing, IndexInUse, IndexStoreError, ServerError
    """
    index = await open_index(settings, check=False)
    try:
        target = optimizable(index)
        if target is None:
            return None
        waiting = await target.unoptimized()
        if waiting < least:
            return 0
        await optimize(target, progress)
        return waiting
    finally:
        await index.close()


async def list_indexes(settings: Settings) -> list[str]:
    """The names of all indexes in this home."""
    if settings.index.home == "embedded":
        found = (path.parent.name for path in (settings.data_dir / "indexes").glob("*/manifest.json"))
        return sorted(name for name in found if _NAME.fullmatch(name))  # not what is being built
    from ingest.index import server

    connection = server.connect(settings.index)
    try:
        return await server.list_names(connection, settings.index.url)
    finally:
        await connection.close()


async def delete_index(settings: Settings) -> None:
    """Remove the index of these settings, its ledger included.

    Raises:
        IndexMissing, IndexInUse, ServerError
    """
    folder = folder_of(settings)
    if settings.index.home == "embedded":
        with contextlib.suppress(IndexMissing):  # which the next line says better
            await client.release(folder)
        with contextlib.suppress(IndexMissing):
            embedded.delete(folder_beside(folder))
        embedded.delete(folder)
        return
    from ingest.index import server

    connection = server.connect(settings.index)
    try:
        await server.delete(connection, folder.name, settings.index.url)
    finally:
        await connection.close()
    with contextlib.suppress(OSError):  # left behind it does no harm: it says whose it is
        delete_ledger(ledger_of(settings))
