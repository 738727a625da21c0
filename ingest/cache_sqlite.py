"""The embedding cache as one SQLite file: several processes at once, a bounded size, the least recently used forgotten.

It holds nothing that cannot be made again: a damaged file is replaced.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import portalocker

from configs.errors import CacheUnusable

T = TypeVar("T")
Pairs = Sequence[tuple[bytes, bytes]]

_VERSION = 1
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL, used INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_use ON vectors (used);
PRAGMA user_version = {_VERSION};
"""
# Keys of one query; SQLite itself takes at least 999.
_PAGE = 500
# Seconds by which the time of the last use is exact, so that reading seldom writes.
_GRAIN = 3600
# To this share of the bound it shrinks when it is full, and so many bytes a row has beside its vector, about.
_AFTER, _BESIDE = 0.9, 600
_BUSY_SECONDS = 5.0
# Pages in the log before they go into the file: fewer fsyncs than SQLite's own 1,000.
_LOGGED = 4_000
# Of its pages kept in memory, so that the tree of keys need not be read again and again.
_CACHED_KB = 16_000


class SqliteStore:
    """See `ingest.embedding_cache.Store`. SQLite lets go of the GIL while it works, so it works in a thread."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._most = most_bytes
        self._database: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `Store.get`."""
        return await asyncio.to_thread(self._safely, lambda database: _get(database, keys))

    async def put(self, pairs: Pairs) -> None:
        """See `Store.put`."""
        await asyncio.to_thread(self._safely, lambda database: _put(database, pairs, self._most))

    async def clear(self) -> None:
        """See `Store.clear`."""
        await asyncio.to_thread(self._safely, _clear)

    async def state(self) -> str:
        """See `Store.state`."""
        if not self._path.exists():
            return f"{self._path}: empty"
        rows, used = await asyncio.to_thread(self._safely, _size)
        return f"{self._path}: {rows:,} vectors, {used / 2**20:,.1f} of {self._most / 2**20:,.0f} MiB"

    async def close(self) -> None:
        """See `Store.close`."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _safely(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                try:
                    return work(self._opened())
                except sqlite3.OperationalError:
                    raise  # locked, or not to be written: not damaged
                except sqlite3.DatabaseError:
                    self._replace()
                    return work(self._opened())
            except (OSError, sqlite3.Error) as error:
                raise CacheUnusable(
                    f"it cannot be used: {getattr(error, 'strerror', None) or error}",
                    where=str(self._path),
                    fix="Check its disk and who may write there, or set cache.kind to none.",
                ) from error

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            database = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, check_same_thread=False)
            try:
                _prepare(database)
            except BaseException:
                database.close()
                raise
            self._database = database
        return self._database

    def _replace(self) -> None:
        """Put away a damaged file; of several processes that find it so, one does."""
        if self._database is not None:
            self._database.close()
            self._database = None
        with portalocker.Lock(f"{self._path}.lock", timeout=_BUSY_SECONDS):
            try:
                database = sqlite3.connect(self._path, timeout=_BUSY_SECONDS)
                try:
                    _prepare(database)
                    well = database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
                finally:
                    database.close()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                well = False
            if not well:
                for suffix in ("", "-wal", "-shm"):
                    self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


def _prepare(database: sqlite3.Connection) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, _VERSION):
        raise sqlite3.DatabaseError("of another version")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(f"PRAGMA wal_autocheckpoint = {_LOGGED}")
    database.execute(f"PRAGMA cache_size = {-_CACHED_KB}")
    if version != _VERSION:
        database.executescript(_SCHEMA)


def _get(database: sqlite3.Connection, keys: Sequence[bytes]) -> list[bytes | None]:
    found: dict[bytes, bytes] = {}
    stale: list[tuple[int, bytes]] = []
    now = int(time.time())
    for start in range(0, len(keys), _PAGE):
        page = keys[start : start + _PAGE]
        marks = ",".join("?" * len(page))
        query = f"SELECT key, vector, used FROM vectors WHERE key IN ({marks})"  # noqa: S608 — only question marks are put in
        for key, vector, used in database.execute(query, page):
            found[key] = vector
            if used < now - _GRAIN:
                stale.append((now, key))
    if stale:
        with database:
            database.executemany("UPDATE vectors SET used = ? WHERE key = ?", stale)
    return [found.get(key) for key in keys]


def _put(database: sqlite3.Connection, pairs: Pairs, most: int) -> None:
    now = int(time.time())
    with database:
        database.executemany(
            "INSERT INTO vectors (key, vector, used) VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET vector = excluded.vector, used = excluded.used",
            [(key, vector, now) for key, vector in pairs],
        )
    used = _used(database)
    if used > most:
        row = max(len(vector) for _, vector in pairs) + _BESIDE
        surplus = int((used - _AFTER * most) / row) + 1
        with database:
            database.execute(
                "DELETE FROM vectors WHERE id IN (SELECT id FROM vectors ORDER BY used, id LIMIT ?)", (surplus,)
            )


def _used(database: sqlite3.Connection) -> int:
    """Bytes in use; the file itself keeps what was freed, for what comes."""
    pages, free, size = (
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _size(database: sqlite3.Connection) -> tuple[int, int]:
    return int(database.execute("SELECT count(*) FROM vectors").fetchone()[0]), _used(database)


def _clear(database: sqlite3.Connection) -> None:
    with database:
        database.execute("DELETE FROM vectors")
    database.execute("VACUUM")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
