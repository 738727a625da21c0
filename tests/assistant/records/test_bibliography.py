"""What is cited, for reference managers: read back by other programs, nothing that a document says breaks it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from pybtex.database import parse_string
from pylatexenc.latex2text import LatexNodes2Text

from assistant.answering.answer import Sentence
from assistant.records.bibliography import to_bibtex, to_csl, to_ris
from assistant.records.references import Reference, cited, line
from configs.errors import InputError
from ingest.documents import Document
from ingest.readers.ris import read_ris
from tests.assistant.records.examples import answer, source
from tests.assistant.records.test_transcript import session_of

PAPER: dict[str, Any] = {
    "authors": ["Müller, Jürgen", "O'Neil, Ann and Co", "WHO Study Group", "Smith JA", "王, 小明"],
    "journal": "J & Med_Chem",
    "year": 2019,
    "volume": "3",
    "issue": "2",
    "pages": "12-18",
    "doi": "10.1000/x_1b",
    "pmid": "29146535",
    "pmcid": "PMC123456",
    "lang": "en",
    "type": "randomized controlled trial",
}
TITLE = "50% of HbA1c > 7 & a_b #1 $5 ^ ~ \\input{/etc/passwd} }} {{ ≥ α-syn 二甲双胍 “q” “Łódź”: naïve"


def references(title: str = TITLE, metadata: dict[str, Any] | None = None, **changes: Any) -> tuple[Reference, ...]:
    """The references of an answer that cites one source."""
    return cited([answer(sources=(source(title=title, metadata=PAPER if metadata is None else metadata, **changes),))])


def test_bibtex_reads_back() -> None:
    """A BibTeX parser finds type, key, people and fields; TeX's own characters and accents come back as they were."""
    (key, entry), *others = parse_string(to_bibtex(references()), "bibtex").entries.items()
    assert (key, entry.type, others) == ("muller2019-29146535", "article", [])
    told = LatexNodes2Text()
    people = [told.latex_to_text(str(person)) for person in entry.persons["author"]]
    assert people == ["Müller, Jürgen", "O'Neil, Ann and Co", "WHO Study Group", "Smith, JA", "王, 小明"]
    title = told.latex_to_text(
        entry.fields["title"].replace(r"\textbraceleft", r"\{").replace(r"\textbraceright", r"\}")
    )
    assert title.replace("ˆ", "^") == TITLE  # pylatexenc reads \\textasciicircum as the modifier letter
    assert "{HbA1c}" in entry.fields["title"]
    fields = ("journal", "year", "volume", "number", "pages", "doi", "url", "pmid")
    assert [entry.fields[name] for name in fields] == [
        *(
            r"J {\&} Med{\_}Chem",
            "2019",
            "3",
            "2",
            "12--18",
            "10.1000/x_1b",
            "https://doi.org/10.1000/x_1b",
            "29146535",
        ),
    ]


def test_ris_reads_back_by_our_own_reader() -> None:
    """Exported and ingested again, it is the same article."""
    (document,) = read_ris(io.BytesIO(to_ris(references()).encode()), "out.ris")
    assert isinstance(document, Document)
    assert (document.id, document.title) == ("PMID_29146535", TITLE)
    known = {key: document.metadata[key] for key in PAPER if key != "authors"}
    assert known == {key: value for key, value in PAPER.items() if key != "authors"}
    assert document.metadata["authors"] == [
        "Müller, Jürgen",
        "O'Neil, Ann and Co",
        "WHO Study Group",
        "Smith, JA",
        "王, 小明",
    ]


def test_csl_json_has_what_the_schema_asks_for() -> None:
    """`id` and a known `type` are there, names are people or literals, the date is in parts (csl-data.json, 1.0.2)."""
    (item,) = json.loads(to_csl(references()))
    assert (item["id"], item["type"]) == ("muller2019-29146535", "article-journal")
    assert item["author"][0] == {"family": "Müller", "given": "Jürgen"}
    assert item["author"][2] == {"literal": "WHO Study Group"}
    assert item["issued"] == {"date-parts": [[2019]]}
    assert (item["title"], item["container-title"]) == (TITLE, "J & Med_Chem")
    assert (item["DOI"], item["PMID"], item["PMCID"]) == ("10.1000/x_1b", "29146535", "PMC123456")


@pytest.mark.parametrize(
    "evil",
    [
        "x\r\nER  - \r\nTY  - JOUR\r\nTI  - forged",
        "x},\n}\n@article{forged, title={y",
        '"} # @preamble{"x"}',
        "}{",
        "\\",
        "%",
    ],
)
def test_a_document_cannot_forge_another_entry(evil: str) -> None:
    """Whatever a title, a journal, an author or an address says, there is one entry in each of the three."""
    metadata = {
        "journal": evil,
        "authors": [evil, f"{evil}, {evil}"],
        "url": f"https://example.org/{evil}",
        "volume": evil,
    }
    found = references(evil, metadata, doc_id=evil)
    assert len(parse_string(to_bibtex(found), "bibtex").entries) == 1
    assert len(list(read_ris(io.BytesIO(to_ris(found).encode()), "out.ris"))) == 1
    assert len(json.loads(to_csl(found))) == 1


@pytest.mark.parametrize(
    ("metadata", "types"),
    [
        ({"journal": "J"}, ("article", "JOUR", "article-journal")),
        ({"journal": "medRxiv", "publication_types": ["Preprint"]}, ("unpublished", "UNPB", "article")),
        ({"publication_types": ["Book"]}, ("book", "BOOK", "book")),
        ({"publication_types": ["Book Chapter"], "journal": "A Book"}, ("incollection", "CHAP", "chapter")),
        ({"publication_types": ["Thesis"]}, ("phdthesis", "THES", "thesis")),
        ({"publication_types": ["Meeting Abstract"]}, ("inproceedings", "ABST", "paper-conference")),
        ({"url": "https://example.org"}, ("misc", "ELEC", "webpage")),
        ({}, ("misc", "GEN", "document")),
    ],
)
def test_each_kind_of_document_gets_its_type(metadata: dict[str, Any], types: tuple[str, str, str]) -> None:
    """A preprint is no journal article, a web page no book."""
    found = references("T", metadata)
    (entry,) = parse_string(to_bibtex(found), "bibtex").entries.values()
    assert (entry.type, to_ris(found)[6:].partition("\r\n")[0], json.loads(to_csl(found))[0]["type"]) == types


def test_a_document_is_listed_once_under_a_key_of_its_own() -> None:
    """Two passages of one article are one reference; two articles of one author and year are two, in any export."""
    first, same, other, uncited = (
        source(1, doc_id="a", metadata=PAPER),
        source(2, doc_id="b", passage=4, metadata=PAPER),
        source(3, doc_id="c", metadata={"authors": ["Müller, Jürgen"], "year": 2019}),
        source(4, doc_id="d"),
    )
    sentences = tuple(Sentence("It is.", (n,)) for n in (3, 1, 2))
    found = cited([answer(sentences=sentences, sources=(first, same, other, uncited))])
    assert [one.key.split("-")[0] for one in found] == ["muller2019", "muller2019"]
    assert len({one.key for one in found}) == 2
    assert cited([answer(sources=(first,))])[0].key == found[0].key


def test_a_retracted_article_says_so_wherever_it_goes() -> None:
    """The note travels into the reference manager, and into the line that people read."""
    found = references("T", {**PAPER, "retracted": True})
    assert "note = {Retracted}" in to_bibtex(found)
    assert "N1  - Retracted" in to_ris(found)
    assert json.loads(to_csl(found))[0]["note"] == "Retracted"
    assert line(found[0]) == (
        "Müller J, O'Neil AaC, WHO Study Group et al. T. J & Med_Chem, 2019. doi:10.1000/x_1b. PMID 29146535. RETRACTED."
    )


def test_a_session_that_cites_nothing_has_no_bibliography() -> None:
    """An empty file would pass for a list of what was cited."""
    from assistant.records.transcript import render

    with pytest.raises(InputError, match="no answer cites"):
        render(session_of(answer(sentences=())), "bib")
