"""CSV and TSV: columns guessed and mapped, cells that hold several things, rows that do not fit."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from ingest.documents import Document
from ingest.readers import text
from ingest.readers.base import Rejected
from ingest.readers.table import read_table
from tests.ingest.readers.reading import one, parted, read, refused


def table(*rows: list[str], delimiter: str = ",") -> str:
    """Rows as a spreadsheet writes them."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


EXPORTS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "PubMed": (
        {
            "PMID": "7",
            "Title": "T",
            "Authors": "Smith J, Doe AB.",
            "Journal/Book": "J",
            "Publication Year": "2001",
            "DOI": "10.1000/X",
        },
        {"pmid": "7", "authors": ["Smith J", "Doe AB."], "journal": "J", "year": 2001, "doi": "10.1000/x"},
    ),
    "Scopus": (
        {"Author full names": "Li, Na; Wu, Bo", "Title": "T", "Year": "2001", "Source title": "J", "PubMed ID": "7"},
        {"pmid": "7", "authors": ["Li, Na", "Wu, Bo"], "journal": "J", "year": 2001},
    ),
    "Embase": (
        {
            "Title": "T",
            "Author Names": "Liu R., Adler D.G.",
            "Source": "The Journal (2014) 3:4 (152-160). Date of Publication: 2014",
            "Open URL Link": "http://x?id=doi:10.1000%2Fx&atitle=T",
        },
        {
            "authors": ["Liu R.", "Adler D.G."],
            "journal": "The Journal",
            "year": 2014,
            "volume": "3",
            "issue": "4",
            "doi": "10.1000/x",
        },
    ),
    "ASReview": (
        {
            "title": "T",
            "authors": "['Marx, Karl', \"O'Neill, E\"]",
            "publication_year": "2014//",
            "keywords": "['a', 'b']",
        },
        {"authors": ["Marx, Karl", "O'Neill, E"], "year": 2014, "keywords": ["a", "b"]},
    ),
    "Zotero": (
        {
            "Key": "ABC",
            "Title": "T",
            "Author": "Li, Na",
            "Publication Title": "J",
            "Abstract Note": "A.",
            "Date": "2001-02-03",
        },
        {"authors": ["Li, Na"], "journal": "J", "year": 2001},
    ),
}


@pytest.mark.parametrize("exporter", EXPORTS)
def test_columns_are_guessed_for_the_exports_of_the_field(exporter: str) -> None:
    """What PubMed, Scopus, Embase, ASReview and Zotero call a column lands under the one key for it."""
    cells, expected = EXPORTS[exporter]
    kept = one("table", table(list(cells), list(cells.values())))
    assert kept.title == "T"
    assert {key: kept.metadata.get(key) for key in expected} == expected


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_told_by_the_header(delimiter: str) -> None:
    """German spreadsheets write semicolons, and commas in titles do not confuse the guess."""
    content = table(
        ["title, full", "title", "abstract"], ["x", "A, b; c | d", "Text,\nover lines"], delimiter=delimiter
    )
    kept = one("table", content)
    assert (kept.title, kept.text) == ("A, b; c | d", "Text,\nover lines")
    assert kept.metadata["title, full"] == "x"


def test_columns_can_be_mapped() -> None:
    """A mapping comes before any guess, and a mapped id is the id; a column that is not there is told."""
    content = table(["title", "Überschrift", "Nr", "pmid"], ["no", "T", "x1", "7"])
    (kept,) = read_table(io.BytesIO(content.encode()), "f", {"title": "Überschrift", "id": "Nr"})
    assert isinstance(kept, Document)
    assert (kept.id, kept.title, kept.metadata["title"]) == ("x1", "T", "no")
    (told,) = read_table(io.BytesIO(content.encode()), "f", {"title": "Titel"})
    assert isinstance(told, Rejected)
    assert "“Überschrift”" in told.reason


def test_an_id_column_that_repeats_costs_no_record() -> None:
    """A guessed id is used while it tells records apart; the others are named by their place instead of lost."""
    found = read("table", table(["id", "title"], ["a12", "A"], ["a12", "B"], ["a13", "C"], ["", "D"], ["5", "E"]))
    assert [d.id for d in found if isinstance(d, Document)] == ["a12", "f#2", "a13", "f#4", "f#5"]


def test_the_numbers_of_two_tables_are_not_one_anothers() -> None:
    """Record 1 of one table is not record 1 of another; mapped, the number is the id all the same."""
    content = table(["id", "title"], ["1", "A"])
    assert (one("table", content).id, one("table", content).metadata["id"]) == ("f#1", "1")
    (mapped,) = read_table(io.BytesIO(content.encode()), "f", {"id": "id"})
    assert isinstance(mapped, Document)
    assert mapped.id == "1"


def test_a_ragged_row_is_rejected_with_its_line() -> None:
    """Rows around it are kept; blank cells too many, as spreadsheets leave them, do no harm."""
    found = read("table", 'title,abstract\n"A\nb",1\nB\nC,3,,\n\nD,4,5\n')
    assert parted(found) == (["A b", "C"], ["f:4", "f:7"])


def test_a_quote_that_never_closes_is_told() -> None:
    """It swallows all that follows: better to know than to find the rest of a corpus in one abstract."""
    found = read("table", 'title,abstract\nA,1\nB,"open\nC,3\nD,4\n')
    assert parted(found) == (["A"], ["f:3"])
    assert isinstance(found[-1], Rejected)
    assert "line 5" in found[-1].reason


def test_lines_count_from_the_top_of_the_file() -> None:
    """Blank lines before the header are counted, so that the place told is the place to look at."""
    assert parted(read("table", "\n\ntitle,abstract\nA\n")) == ([], ["f:4"])


def test_a_table_of_something_else_is_told() -> None:
    """Relevance judgments or patient data have no title or abstract; the columns are named."""
    assert "“score”" in refused("table", "query-id\tcorpus-id\tscore\n1\t2\t3\n").reason
    assert read("table", "") == read("table", "title,abstract\n") == []


def test_encodings_of_spreadsheets_are_read() -> None:
    """Excel writes UTF-8 with a mark, “Unicode text” in UTF-16, or Windows' Western code page."""
    content = "title\tabstract\nCafé\tB\n"
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        kept = one("table", content.encode(encoding))
        assert (kept.title, kept.metadata.get("encoding")) == ("Café", "cp1252" if encoding == "cp1252" else None)
    assert parted(read("table", "title,abstract\n糖尿病,B\nA,C\n".encode("gb18030"))) == (["A"], ["f:2"])


def test_an_over_long_line_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is passed over, never held in memory."""
    monkeypatch.setattr(text, "MAX_LINE", 100)
    found = read("table", f"title,abstract\nA,{'x' * 1000}\nB,2\n")
    assert parted(found) == (["B"], ["f:2"])
