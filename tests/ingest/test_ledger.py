"""The ledger: a help, never the truth. Whatever becomes of it, the index decides."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from configs.errors import IndexStoreError
from ingest import ledger as ledgers
from ingest.documents import Document
from ingest.index.open import create_index
from ingest.ledger import open_ledger
from tests.support.corpora import entries, records

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from configs.settings import Settings
    from ingest.index.base import Index
    from tests.conftest import SettingsFactory

DOCUMENTS = [Document(r["id"], r["title"], r["abstract"]) for r in records(50)]


@pytest.fixture
def home(settings: SettingsFactory) -> Settings:
    """Settings of a lexical index."""
    return settings()


@pytest.fixture
async def index(home: Settings) -> AsyncIterator[Index]:
    """An index with fifty documents."""
    made = await create_index(home, None)
    await made.store([entry for document in DOCUMENTS for entry in entries(document, home)], [])
    yield made
    await made.close()


async def known(path: Path, index: Index) -> dict[str, str]:
    """What a freshly opened ledger says of the documents."""
    ledger = await open_ledger(path, index)
    try:
        return ledger.hashes([document.id for document in DOCUMENTS])
    finally:
        ledger.close()


TRUE = {document.id: document.hash for document in DOCUMENTS}


@pytest.mark.parametrize("damage", ["lost", "not a database", "empty", "header", "pages", "cut", "log left behind"])
async def test_it_is_rebuilt_from_the_index(damage: str, index: Index, tmp_path: Path) -> None:
    """Lost, damaged anywhere or replaced by something else: the next run still skips what is stored."""
    path = tmp_path / "ledger.sqlite"
    assert await known(path, index) == TRUE
    content = path.read_bytes()
    assert len(content) > 8192
    if damage == "lost":
        path.unlink()
    elif damage == "log left behind":
        path.with_name("ledger.sqlite-wal").write_bytes(b"\x37\x7f\x06\x82" + b"\xff" * 5000)
        path.write_bytes(b"rubbish" * 1000)
    else:
        path.write_bytes(
            {
                "not a database": b"rubbish" * 1000,
                "empty": b"",
                "header": b"\xff" * 100 + content[100:],
                "pages": content[:4096] + b"\xff" * (len(content) - 4096),
                "cut": content[: len(content) // 2],
            }[damage]
        )
    assert await known(path, index) == TRUE


async def test_it_follows_an_index_that_moved_on_without_it(index: Index, home: Settings, tmp_path: Path) -> None:
    """Stored but not noted, as by a crash or by another machine: it is noted at the next opening."""
    path = tmp_path / "ledger.sqlite"
    await known(path, index)
    more = Document("more", "More", "text")
    await index.store(entries(more, home), [])
    ledger = await open_ledger(path, index)
    assert ledger.hashes(["more", "doc-0"]) == {"more": more.hash, "doc-0": DOCUMENTS[0].hash}
    ledger.close()


async def test_another_index_of_the_same_name_is_not_mistaken_for_it(
    index: Index, settings: SettingsFactory, tmp_path: Path
) -> None:
    """Deleted and made anew elsewhere, with as many documents: the ledger goes by the index's identity."""
    path = tmp_path / "ledger.sqlite"
    await known(path, index)
    other_home = settings({"index.name": "other"})
    other = await create_index(other_home, None)
    strangers = [Document(f"other-{n}", "T", f"text {n}") for n in range(50)]
    await other.store([entry for document in strangers for entry in entries(document, other_home)], [])
    assert await known(path, other) == {}
    await other.close()


async def test_a_torn_document_counts_as_changed(index: Index, home: Settings, tmp_path: Path) -> None:
    """Where a crash left two versions of a document, it equals neither, and is stored anew."""
    path = tmp_path / "ledger.sqlite"
    await known(path, index)
    edited = Document("doc-3", "Edited", "text")
    await index.store(entries(edited, home), [])  # as if killed before the old version was dropped
    ledger = await open_ledger(path, index)
    assert ledger.hashes(["doc-3"])["doc-3"] not in (edited.hash, DOCUMENTS[3].hash)
    assert ledger.hashes(["doc-4"]) == {"doc-4": DOCUMENTS[4].hash}
    await index.store(entries(edited, home), ["doc-3"])
    ledger.record([edited], [None])
    ledger.close()
    assert (await known(path, index))["doc-3"] == edited.hash


async def test_a_sound_ledger_is_not_rebuilt(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both agree, opening it reads no document of the index: re-running is cheap."""
    path = tmp_path / "ledger.sqlite"
    await known(path, index)

    async def never(*_: object) -> None:
        raise AssertionError("rebuilt")

    monkeypatch.setattr(ledgers, "_rebuild", never)
    assert await known(path, index) == TRUE


async def test_the_same_text_is_found_under_another_id(index: Index, tmp_path: Path) -> None:
    """A copy is recognised by title and text, and a document is no copy of itself."""
    ledger = await open_ledger(tmp_path / "ledger.sqlite", index)
    first = DOCUMENTS[0]
    copy = Document("copy", first.title, first.text, {"other": 1})
    assert ledger.same_texts([copy, first, Document("new", "New", "text")]) == {"copy": first.id}
    ledger.close()


async def test_a_ledger_in_use_is_not_thrown_away(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locked by another process it is told, and left as it is."""
    path = tmp_path / "ledger.sqlite"
    await known(path, index)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda file: connect(file, timeout=0.05))
    with connect(path) as other:
        other.execute("DELETE FROM belongs_to")
        other.commit()
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(IndexStoreError, match="locked") as caught:
            await open_ledger(path, index)
        other.rollback()
    other.close()
    assert caught.value.where == str(path)
    assert await known(path, index) == TRUE
