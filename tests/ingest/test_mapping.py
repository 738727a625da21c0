"""Columns of tables that are named by whoever knows them: `--columns title=Titel,text=Zusammenfassung`."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from configs.errors import InputError
from ingest import pipeline
from ingest.index.open import open_index
from ingest.mapping import parsed
from ingest.rebuild import rebuild
from ingest.run import PLAIN, Manner
from tests.support.corpora import Watcher

if TYPE_CHECKING:
    from pathlib import Path

    from configs.settings import Settings
    from ingest.documents import Passage
    from ingest.progress import Summary
    from tests.conftest import SettingsFactory

TABLE = "Nummer;Titel;Zusammenfassung;Jahr;Notiz\nN1;Aspirin;Es half 100 Kranken.;1999;gut\nN2;Insulin;Es half.;2001;\n"
MAPPED = Manner(columns=parsed("id=Nummer,title=Titel,text=Zusammenfassung,year=Jahr"))


@pytest.fixture
def home(settings: SettingsFactory) -> Settings:
    """Settings of a lexical index."""
    return settings()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table whose columns no guess would find."""
    path = tmp_path / "tabelle.csv"
    path.write_text(TABLE, "utf-8")
    return path


async def run(home: Settings, *paths: Path, manner: Manner = PLAIN) -> tuple[Summary, Watcher]:
    """An ingest of these paths."""
    watcher = Watcher()
    return await pipeline.ingest([str(path) for path in paths], home, watcher, manner), watcher


async def first(home: Settings, doc_id: str) -> Passage:
    """The first passage of a document."""
    from ingest.documents import point_id

    index = await open_index(home)
    try:
        (stored,) = [one async for one in index.documents() if one.id == doc_id]
        return (await index.fetch([point_id(doc_id, 0, stored.hash)]))[0]
    finally:
        await index.close()


def test_it_is_read_as_it_is_said() -> None:
    """Names keep case and blanks, quotes hold commas, fields may be said as records say them; nothing means guess."""
    said = parsed('Title=Der Titel, text=Abstract ,"authors=Wer, wo"')
    assert said == {"title": "Der Titel", "abstract": "Abstract", "authors": "Wer, wo"}
    assert parsed("") == {}


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("Titel", "“Titel” is no FIELD=COLUMN", "title=Titel"),
        ("titel=Titel", "no field “titel”", "title, text, authors"),
    ],
)
def test_what_is_no_mapping_is_told(text: str, what: str, fix: str) -> None:
    """With the fields that there are."""
    with pytest.raises(InputError, match=what) as caught:
        parsed(text)
    assert fix in caught.value.fix


async def test_named_columns_are_used(home: Settings, table: Path) -> None:
    """Id, title, text and year come from where they are said to be; the rest is metadata."""
    summary, _ = await run(home, table, manner=MAPPED)
    assert (summary.documents, summary.failed) == (2, 0)
    passage = await first(home, "N1")
    assert (passage.title, passage.text) == ("Aspirin", "Es half 100 Kranken.")
    assert (passage.metadata["year"], passage.metadata["Notiz"]) == (1999, "gut")


async def test_they_are_remembered(home: Settings, table: Path) -> None:
    """Run again without them, nothing changes, and it is said why; an empty flag guesses again, a dry run forgets nothing."""
    await run(home, table, manner=MAPPED)
    summary, watcher = await run(home, table)
    assert (summary.skipped, summary.documents) == (2, 0)
    (told,) = watcher.warnings
    assert "id=Nummer,title=Titel,abstract=Zusammenfassung,year=Jahr" in told
    guessed, _ = await run(home, table, manner=Manner(columns={}, dry_run=True))
    assert guessed.failed == 1
    assert (await run(home, table))[0].skipped == 2
    await run(home, table, manner=Manner(columns={}))
    summary, watcher = await run(home, table)
    assert (summary.failed, watcher.warnings) == (1, [])


async def test_a_rebuild_remembers_them_too(home: Settings, settings: SettingsFactory, table: Path) -> None:
    """Made anew, of itself or of its paths, the index still knows them."""
    await run(home, table, manner=MAPPED)
    smaller = settings({"chunking.size": 32, "chunking.overlap": 0})
    await rebuild([], smaller, Watcher())
    assert (await rebuild([str(table)], smaller, Watcher())).failed == 0
    assert (await run(smaller, table))[0].skipped == 2


async def test_a_column_that_is_not_there_is_told_before_anything_is_read(home: Settings, table: Path) -> None:
    """With those that are; packed or one of several files, too."""
    other = table.with_name("other.tsv.gz")
    other.write_bytes(gzip.compress(b"Titel\tText\nA\tB\n"))
    with pytest.raises(InputError, match="no column “Nummer”") as caught:
        await run(home, table, other, manner=MAPPED)
    assert caught.value.where == str(other)
    assert caught.value.fix == "It has “Titel”, “Text”."
    with pytest.raises(InputError, match="none of these files is a table"):
        await run(home, _lines(table), manner=MAPPED)


def _lines(beside: Path) -> Path:
    path = beside.with_name("a.jsonl")
    path.write_text('{"id": "1", "title": "T"}\n', "utf-8")
    return path


async def test_one_mapping_serves_many_tables_beside_other_files(home: Settings, table: Path) -> None:
    """A folder: its tables are read so, the rest as ever; on the next run one line tells of them all."""
    table.with_name("zwei.csv").write_text(TABLE.replace("N1", "N3").replace("N2", "N4"), "utf-8")
    _lines(table)
    summary, _ = await run(home, table.parent, manner=MAPPED)
    assert (summary.documents, summary.failed) == (5, 0)
    summary, watcher = await run(home, table.parent)
    assert (summary.skipped, len(watcher.warnings)) == (5, 1)
    assert "and 1 more" in watcher.warnings[0]
