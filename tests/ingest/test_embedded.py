"""The embedded home without an owner: who may hold it, and what is said when its files are not what they should be."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from typing import IO, TYPE_CHECKING, TypeAlias

import portalocker
import pytest
from qdrant_edge import EdgeShard

from configs.errors import IndexInUse, IndexMissing, IndexStoreError, InputError
from ingest.documents import Document
from ingest.index import embedded
from ingest.index.base import Counts
from ingest.index.embedded import EmbeddedIndex
from ingest.index.open import create_index, delete_index, folder_of, list_indexes, open_index
from tests.support.corpora import entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from portalocker import LockFlags

    from configs.settings import Settings
    from tests.conftest import SettingsFactory

Holder: TypeAlias = "Callable[[Path], subprocess.Popen[str]]"

HOLD = """
import asyncio, sys
from pathlib import Path
from ingest.index.embedded import EmbeddedIndex
index = EmbeddedIndex.load(Path(sys.argv[2]))
print("held", flush=True)
sys.stdin.readline()
asyncio.run(index.close())
"""


@pytest.fixture
def home(settings: SettingsFactory) -> Settings:
    """Settings of a lexical index that each process opens itself."""
    return settings({"index.shared": False})


async def make(home: Settings) -> Path:
    """An index with one document, closed; returns its folder."""
    index = await create_index(home, None)
    await index.store(entries(Document("d", "Aspirin", "It thins the blood."), home), [])
    await index.close()
    return folder_of(home)


@pytest.fixture
def hold() -> Iterator[Holder]:
    """A function that has another process open an index, and returns when it has."""
    processes: list[subprocess.Popen[str]] = []

    def start(folder: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, "chat", str(folder)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


async def test_another_process_is_refused_and_told_who_holds_it(home: Settings, hold: Holder) -> None:
    """A second program gets the process number and command of the first, not a message about a WAL."""
    folder = await make(home)
    process = hold(folder)
    for attempt in (open_index(home), delete_index(home)):
        with pytest.raises(IndexInUse) as caught:
            await attempt
        assert f"process {process.pid}" in caught.value.what
        assert "chat" in caught.value.what
        assert caught.value.fix
    process.communicate("done\n")
    index = await open_index(home)
    assert await index.counts() == Counts(1, 1)
    await index.close()


async def test_a_killed_holder_holds_nothing(home: Settings, hold: Holder) -> None:
    """After kill -9 the index opens at once: no lock is left behind."""
    folder = await make(home)
    process = hold(folder)
    process.kill()
    process.wait()
    await (await open_index(home)).close()


async def test_the_same_process_is_refused_too(home: Settings) -> None:
    """Two openings at once in one program are an error as well, and closing the first frees it."""
    await make(home)
    first = await open_index(home)
    with pytest.raises(IndexInUse, match=str(os.getpid())):
        await open_index(home)
    await first.close()
    await (await open_index(home)).close()


async def test_making_an_index_that_is_there_harms_nothing(home: Settings) -> None:
    """Of two first ingests at once the later does not clear away what the earlier stored."""
    await make(home)
    with pytest.raises(IndexInUse, match="just made"):
        await create_index(home, None)
    index = await open_index(home)
    assert await index.counts() == Counts(1, 1)
    await index.close()


async def test_what_a_crash_left_unfinished_is_made_anew(home: Settings) -> None:
    """A folder without a manifest is no index yet; the next ingest makes it, rubbish or not."""
    folder = folder_of(home)
    (folder / "shard").mkdir(parents=True)
    (folder / "shard" / "rubbish").write_text("x")
    with pytest.raises(IndexMissing, match="citewell ingest"):
        await open_index(home)
    assert await list_indexes(home) == []
    await make(home)
    assert await list_indexes(home) == ["default"]


@pytest.mark.parametrize(
    "manifest", ["", "{", "[]", "{}", "null", '{"id": "x", "format": 1, "made_with": 5}', '{"format": "new"}', "\udcff"]
)
async def test_a_damaged_manifest_is_told(manifest: str, home: Settings) -> None:
    """The message names the folder and how to rebuild; it is no traceback."""
    folder = await make(home)
    (folder / "manifest.json").write_bytes(manifest.encode("utf-8", "surrogateescape"))
    with pytest.raises(IndexStoreError) as caught:
        await open_index(home)
    assert str(folder) in str(caught.value)
    assert caught.value.fix


async def test_an_index_of_the_future_is_refused(home: Settings) -> None:
    """A newer citewell's index is not read wrongly by an older one."""
    folder = await make(home)
    stored = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**stored, "format": 99}))
    with pytest.raises(IndexStoreError, match="newer citewell"):
        await open_index(home)


async def open_and_write(home: Settings) -> None:
    """Some damage is noticed only by the first who writes."""
    index = await open_index(home)
    try:
        await index.store(entries(Document("e", "E", "More."), home), [])
    finally:
        await index.close()


@pytest.mark.parametrize("damage", ["no shard", "junk", "cut"])
async def test_damaged_files_are_told_and_leave_no_lock(damage: str, home: Settings) -> None:
    """Whatever Edge raises or panics with becomes one message; the index can then be deleted and made anew."""
    folder = await make(home)
    if damage == "no shard":
        shutil.rmtree(folder / "shard")
    for file in (folder / "shard").rglob("*"):
        if file.is_file() and damage == "junk" and file.suffix == ".json":
            file.write_bytes(b"\xff" * 50)
        if file.name == "status.dat" and damage == "cut":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(IndexStoreError) as caught:
        await open_and_write(home)
    assert "citewell index delete default" in caught.value.fix or "run the same command" in caught.value.fix
    await delete_index(home)
    await make(home)


async def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, settings: SettingsFactory) -> None:
    """A data folder that is a file, say, is named with what to correct."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(IndexStoreError, match="cannot be written") as caught:
        await create_index(settings({"data_dir": tmp_path / "file", "index.shared": False}), None)
    assert "data_dir" in caught.value.fix


async def test_a_full_disk_is_told_before_it_kills(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making, opening and storing say what to free; what was stored is there again once there is space."""
    folder = await make(home)
    index = await open_index(home)
    with monkeypatch.context() as full:
        free = shutil.disk_usage(folder)._replace(free=3 * 2**20)
        full.setattr(shutil, "disk_usage", lambda _: free)
        more = entries(Document("e", "E", "More."), home)
        with pytest.raises(IndexStoreError, match="3 MiB are free") as storing:
            await index.store(more, [])
        await index.close()
        with pytest.raises(IndexStoreError, match="3 MiB are free") as opening:
            await open_index(home)
        with pytest.raises(IndexStoreError, match="3 MiB are free") as making:
            await create_index(home.model_copy(update={"data_dir": folder / "other"}), None)
    for caught in (storing, opening, making):
        assert "Free some space" in caught.value.fix
    index = await open_index(home)
    assert await index.counts() == Counts(1, 1)
    await index.close()


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EROFS, "Correct data_dir"),
        (errno.EACCES, "Correct data_dir"),
        (errno.ENOTDIR, "Correct data_dir"),
    ],
    ids=["full", "read-only", "not allowed", "no folder"],
)
async def test_what_the_system_refuses_costs_no_index(
    number: int, fix: str, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full or not to be written is no reason to delete the index, whoever tells of it."""
    await make(home)
    reason = f"Service internal error: {os.strerror(number)} (os error {number})"
    for error in (OSError(number, os.strerror(number)), Exception(reason)):

        def fail(_: str, error: Exception = error) -> None:
            raise error

        with monkeypatch.context() as broken:
            broken.setattr(EdgeShard, "load", fail)
            with pytest.raises(IndexStoreError, match=os.strerror(number)) as caught:
                await open_index(home)
        assert caught.value.fix.startswith(fix)
        assert "delete" not in caught.value.fix


async def test_who_waited_for_a_deleted_index_does_not_hold_it(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock on a file that was deleted meanwhile keeps nobody out, and so is given up."""
    await make(home)
    lock = portalocker.lock

    def lock_late(file: IO[str], flags: LockFlags) -> None:
        monkeypatch.setattr(portalocker, "lock", lock)
        embedded.delete(folder_of(home))
        lock(file, flags)

    monkeypatch.setattr(portalocker, "lock", lock_late)
    with pytest.raises(IndexMissing):
        await open_index(home)
    assert not folder_of(home).exists()
    await make(home)


async def test_an_index_that_is_being_deleted_is_not_opened(home: Settings, hold: Holder) -> None:
    """Its manifest is read only by who holds it, so that none is used of which half is gone."""
    folder = await make(home)
    hold(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(IndexInUse):
        await open_index(home)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc", "a\\b", ".hidden", "-x", "a b", "a\nb", "x" * 65, "索引", "a\0b"]
)
async def test_a_name_can_never_be_a_path(name: str, settings: SettingsFactory) -> None:
    """Nothing outside the data folder is ever opened or deleted, whatever the index is called."""
    home = settings({"index.name": name})
    for attempt in (open_index(home), create_index(home, None), delete_index(home)):
        with pytest.raises(InputError, match="is no name for an index"):
            await attempt


async def test_loading_a_folder_checks_nothing_but_the_folder(home: Settings) -> None:
    """`index info` can open what the settings of the day would not fit."""
    folder = await make(home)
    index = EmbeddedIndex.load(folder)
    assert (index.name, index.manifest.dimensions) == ("default", None)
    await index.close()
