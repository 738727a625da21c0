"""MEDLINE and RIS: the dialects of their exporters, and files that people and programs have damaged."""

from __future__ import annotations

import pytest

from ingest.documents import Document
from ingest.readers import tagged
from ingest.readers.base import Rejected
from tests.ingest.readers.reading import one, parted, read, refused


def test_a_medline_record_is_the_same_document_as_its_xml() -> None:
    """Folded lines are joined, MeSH loses its qualifiers, the DOI is found among the other ids."""
    kept = one(
        "medline",
        "\nPMID- 7\nTI  - A title that\n      goes on\nAB  - BACKGROUND: One. METHODS: Two\n      more. RESULTS AND DISCUSSION: x.\n"
        "FAU - Li, Na\nAU  - Li N\nCN  - The Group\nLA  - eng\nPT  - Case Reports\nDP  - 1998 Dec-1999 Jan\nJT  - The Journal\n"
        "MH  - *Asthma/therapy/*drug therapy\nMH  - Humans\nAID - S1 [pii]\nAID - 10.1000/ABC [doi]\nPMC - PMC12345\n",
    )
    assert (kept.id, kept.title) == ("PMID_7", "A title that goes on")
    assert kept.text == "BACKGROUND: One.\nMETHODS: Two more.\nRESULTS AND DISCUSSION: x."
    expected = {
        "authors": ["Li, Na", "The Group"],
        "mesh": ["Asthma", "Humans"],
        "doi": "10.1000/abc",
        "pmcid": "PMC12345",
        "lang": "en",
        "year": 1998,
        "type": "case report",
    }
    assert {key: kept.metadata[key] for key in expected} == expected


def test_medline_says_what_was_retracted() -> None:
    """The tags of correction links give the same metadata as the XML's elements."""
    kept = one("medline", "PMID- 1\nTI  - T\nRIN - J Clin. 2001;1:2. PMID: 99\nEIN - J Clin. 2000")
    assert kept.metadata["corrections"] == [
        {"kind": "RetractionIn", "pmid": "99", "source": "J Clin. 2001;1:2. PMID: 99"},
        {"kind": "ErratumIn", "source": "J Clin. 2000"},
    ]
    assert (kept.metadata["retracted"], kept.metadata["corrected"]) == (True, True)


def test_medline_records_are_told_apart_without_blank_lines() -> None:
    """A second number begins a second record; what precedes the first tag is nobody's."""
    found = read("medline", "Search results\n\nPMID- 1\nTI  - A\nPMID- 2\nTI  - B\n\n\nTI  - C\n")
    assert [d.id for d in found if isinstance(d, Document)] == ["PMID_1", "PMID_2", "f#3"]
    assert [d.origin for d in found] == ["f:3", "f:5", "f:9"]


def test_an_abstract_that_is_only_announced_is_none() -> None:
    """“Abstract available from the publisher” would otherwise be what such articles are found by."""
    assert one("medline", "PMID- 1\nTI  - T\nOAB - Publisher: Abstract available from the publisher.\n").text == "T"


def test_ris_without_er_ends_where_the_next_record_begins() -> None:
    """Hand-edited files are read to the last record, even one that the file breaks off in."""
    titles, places = parted(
        read("ris", "Provider: X\n\nTY  - JOUR\nTI  - A\nTY  - JOUR\nTI  - B\nER  -\n3.\nTY  - JOUR\nTI  - C")
    )
    assert (titles, places) == (["A", "B", "C"], [])


def test_ris_values_go_on_over_lines() -> None:
    """Abstracts with line breaks of their own, and addresses one below the other."""
    kept = one(
        "ris",
        "TY  - JOUR\nT1  - A title\n over two\nN2  - Aim: one\ntwo.\nMethods: three.\nA1  - Li, Na\n"
        "KW  - one\ntwo\nUR  - http://a.example\nhttp://b.example\nER  - \n",
    )
    assert kept.title == "A title over two"
    assert kept.text == "Aim: one two.\nMethods: three."
    assert kept.metadata["keywords"] == ["one", "two"]
    assert kept.metadata["url"] == "http://a.example"


@pytest.mark.parametrize(
    ("lines", "identity"),
    [
        ("AN  - 123\nDB  - PubMed\nDO  - 10.1000/x", "PMID_123"),
        ("AN  - 123\nDB  - PsycINFO\nDO  - https://doi.org/10.1000/X", "doi:10.1000/x"),
        ("L2  - http://www.ncbi.nlm.nih.gov/pubmed/456", "PMID_456"),
        ("UR  - https://pubmed.ncbi.nlm.nih.gov/456/", "PMID_456"),
        ("M3  - 10.1000/x", "doi:10.1000/x"),
        ("UR  - https://doi.org/10.1000%2Fx", "doi:10.1000/x"),
        ("ID  - 17", "f#1"),
    ],
)
def test_ris_identity_is_what_is_known_everywhere(lines: str, identity: str) -> None:
    """A number in somebody's own library tells no two libraries' articles apart; PubMed's and DOIs do."""
    assert one("ris", f"TY  - JOUR\nTI  - T\n{lines}\nER  -\n").id == identity


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_unicode_is_read_in_every_form(encoding: str, end: str) -> None:
    """Windows, old Macs and exporters with byte order marks differ in nothing that matters."""
    kept = one("ris", end.join(["TY  - JOUR", "TI  - Müller, 李", "ER  - ", ""]).encode(encoding))
    assert (kept.title, kept.metadata.get("encoding")) == ("Müller, 李", None)


def test_a_western_windows_export_is_read_with_a_remark() -> None:
    """Only the records that needed it carry the remark, so that they can be found and checked."""
    found = read("ris", "TY  - JOUR\nTI  - Café – “naïve”\nER  - \nTY  - JOUR\nTI  - Tea\nER  - \n".encode("cp1252"))
    assert [(d.title, d.metadata.get("encoding")) for d in found if isinstance(d, Document)] == [
        ("Café – “naïve”", "cp1252"),
        ("Tea", None),
    ]


@pytest.mark.parametrize("encoding", ["gb18030", "koi8-r"])
def test_another_alphabet_is_never_read_as_western(encoding: str) -> None:
    """Chinese or Russian in an old code page is rejected with its line; the other records are kept."""
    word = "糖尿病" if encoding == "gb18030" else "диабет"
    found = read("ris", f"TY  - JOUR\nTI  - {word}\nER  - \nTY  - JOUR\nTI  - B\nER  - \n".encode(encoding))
    assert parted(found) == (["B"], ["f:1"])
    assert isinstance(found[0], Rejected)
    assert "line 2" in found[0].reason
    assert "UTF-8" in found[0].reason


def test_a_file_of_something_else_is_told() -> None:
    """A web page saved as export.ris gives a complaint, not silence; an empty file gives nothing."""
    assert refused("ris", "<html>\nPlease log in\n").origin == "f:1"
    assert refused("medline", "\n\nnothing\n").origin == "f:3"
    assert read("ris", "") == read("medline", "\n \n") == []


def test_a_truncated_utf16_file_is_told() -> None:
    """Half a character at the end costs the last record alone."""
    content = "TY  - JOUR\nTI  - A\nER  - \nTY  - JOUR\nTI  - B\nER  - \n".encode("utf-16")
    found = read("ris", content[:-5])
    assert parted(found) == (["A"], ["f:1"])
    assert isinstance(found[-1], Rejected)
    assert "utf-16" in found[-1].reason


def test_a_record_without_end_is_rejected_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is what stands in it, however many lines that takes; the records around it are kept."""
    monkeypatch.setattr(tagged, "MAX_BYTES", 10_000)
    long, longer = ("TY  - JOUR\nTI  - L\nAB  - " + "word\n" * count + "ER  - \n" for count in (1900, 3000))
    found = read("ris", long + longer + "TY  - JOUR\nTI  - B\nER  - \n")
    assert parted(found) == (["L", "B"], ["f:1904"])
