"""PubMed's XML: what of a record is kept, how markup is flattened, what a broken or hostile file does."""

from __future__ import annotations

import gzip
import io
from typing import Any, BinaryIO, cast

import pytest

from ingest.documents import Document
from ingest.readers.base import Rejected
from tests.ingest.readers.reading import one, parted, read, refused

DOCTYPE = (
    '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN"'
    ' "https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">'
)


def article(pmid: str = "1", title: str = "T", abstract: str = "", more: str = "", citation: str = "") -> str:
    """One record; `more` stands inside Article, `citation` after it."""
    return (
        f"<PubmedArticle><MedlineCitation><PMID Version='1'>{pmid}</PMID><Article>"
        f"<ArticleTitle>{title}</ArticleTitle>{abstract and f'<Abstract>{abstract}</Abstract>'}{more}"
        f"</Article>{citation}</MedlineCitation></PubmedArticle>"
    )


def file_of(*articles: str, doctype: str = DOCTYPE) -> str:
    """A whole file."""
    return f'<?xml version="1.0"?>{doctype}<PubmedArticleSet>{"".join(articles)}</PubmedArticleSet>'


def document(*args: str, **parts: str) -> Document:
    """The document of one record."""
    return one("pubmed", file_of(article(*args, **parts)))


def test_a_structured_abstract_keeps_its_labels() -> None:
    """Each labelled part is a line; NLM's fillers for “no label” are no labels."""
    kept = document(
        abstract="<AbstractText Label='BACKGROUND'>One.</AbstractText><AbstractText Label='UNLABELLED'>Two.</AbstractText>"
        "<AbstractText>Three\n  lines.</AbstractText><CopyrightInformation>(c)</CopyrightInformation>"
    )
    assert kept.text == "BACKGROUND: One.\nTwo.\nThree lines."


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("10<sup>-3</sup> mol", "10^-3 mol"),
        ("10<sup>5</sup>/mL", "10^5/mL"),
        ("Ca<sup>2+</sup>", "Ca2+"),
        ("CD4<sup>+</sup> cells", "CD4+ cells"),
        ("CO<sub>2</sub>, kg/m<sup>2</sup>", "CO2, kg/m2"),
        ("<sup>18</sup>F-FDG", "18F-FDG"),
        ("the 2<sup>nd</sup> dose", "the 2nd dose"),
        ("<i>E. <b>coli</b></i> &lt; 5 &amp; <u>more</u>", "E. coli < 5 & more"),
        ("x<!-- no -->y<?no no?>z", "xyz"),
        ("<i>&alpha;</i>-blocker &nosuch;", "α-blocker &nosuch;"),
        (
            "in <mml:math xmlns:mml='m'>\n <mml:msup>\n<mml:mn>10</mml:mn>\n <mml:mn>6</mml:mn></mml:msup>\n</mml:math> cells",
            "in 10^6 cells",
        ),
    ],
)
def test_markup_is_flattened_so_that_numbers_stay_what_they_are(markup: str, text: str) -> None:
    """A power never becomes a longer number; formulas are written as people type and search them."""
    assert document("1", markup).title == text
    assert document("1", "T", f"<AbstractText>{markup}</AbstractText>").text == text


def test_a_record_without_an_abstract_is_kept_by_its_title() -> None:
    """Foreign articles without an English title are found by their own."""
    assert document("1", "T").text == "T"
    assert document("1", "[Not Available].", more="<VernacularTitle>Titel</VernacularTitle>").title == "Titel"
    other = document(citation="<OtherAbstract><AbstractText>Resumen.</AbstractText></OtherAbstract>")
    assert other.text == "Resumen."
    assert "title" in refused("pubmed", file_of(article("1", ""))).reason


def test_all_that_a_source_is_cited_with_is_kept() -> None:
    """Authors, journal, issue, pages, language, identifiers, MeSH and types, under the keys of every format."""
    more = (
        "<Journal><JournalIssue><Volume>3</Volume><Issue>4</Issue><PubDate><Year>2001</Year></PubDate></JournalIssue>"
        "<Title>The Journal</Title><ISOAbbreviation>J</ISOAbbreviation></Journal>"
        "<Pagination><MedlinePgn>1-9</MedlinePgn></Pagination><ELocationID EIdType='doi' ValidYN='N'>10.1/no</ELocationID>"
        "<ELocationID EIdType='doi' ValidYN='Y'>10.1000/ABC</ELocationID>"
        "<AuthorList><Author><LastName>Li</LastName><ForeName>Na</ForeName><Initials>N</Initials></Author>"
        "<Author><LastName>Solo</LastName></Author><Author><CollectiveName>The Group</CollectiveName></Author></AuthorList>"
        "<Language>chi</Language><Language>eng</Language>"
        "<PublicationTypeList><PublicationType>Review</PublicationType></PublicationTypeList>"
    )
    citation = (
        "<MeshHeadingList><MeshHeading><DescriptorName>Asthma</DescriptorName><QualifierName>therapy</QualifierName>"
        "</MeshHeading></MeshHeadingList><KeywordList><Keyword>wheeze</Keyword></KeywordList>"
    )
    assert document("7", more=more, citation=citation) == Document(
        "PMID_7",
        "T",
        "T",
        {
            "pmid": "7",
            "authors": ["Li, Na", "Solo", "The Group"],
            "journal": "The Journal",
            "volume": "3",
            "issue": "4",
            "pages": "1-9",
            "year": 2001,
            "lang": "zh",
            "doi": "10.1000/abc",
            "mesh": ["Asthma"],
            "keywords": ["wheeze"],
            "publication_types": ["Review"],
            "type": "review",
            "retracted": False,
            "corrected": False,
            "url": "https://pubmed.ncbi.nlm.nih.gov/7/",
        },
        "f:record 1",
    )


@pytest.mark.parametrize(
    ("dates", "year"),
    [
        ("<PubDate><MedlineDate>1998 Dec-1999 Jan</MedlineDate></PubDate>", 1998),
        ("<PubDate><MedlineDate>Winter 2003</MedlineDate></PubDate>", 2003),
        ("<PubDate/>", None),
    ],
)
def test_the_year_is_found_in_every_way_of_dating(dates: str, year: int | None) -> None:
    """In free text as well; where the issue has none, the electronic date serves."""
    journal = f"<Journal><JournalIssue>{dates}</JournalIssue></Journal>"
    assert document(more=journal).metadata.get("year") == year
    electronic = "<ArticleDate><Year>2011</Year></ArticleDate>"
    assert document(more=journal + electronic).metadata["year"] == (year or 2011)


def test_retractions_and_corrections_are_known() -> None:
    """A retracted article, its notice and a corrected one are told apart, with the links between them."""

    def linked(kind: str, types: str = "") -> dict[str, Any]:
        link = f"<CommentsCorrections RefType='{kind}'><RefSource>J 1</RefSource><PMID>9</PMID></CommentsCorrections>"
        cites = "<CommentsCorrections RefType='Cites'><RefSource>X</RefSource></CommentsCorrections>"
        citation = f"<CommentsCorrectionsList>{cites}{link}</CommentsCorrectionsList>"
        return dict(document(more=f"<PublicationTypeList>{types}</PublicationTypeList>", citation=citation).metadata)

    retracted = linked("RetractionIn", "<PublicationType>Retracted Publication</PublicationType>")
    assert (retracted["retracted"], retracted["corrected"]) == (True, False)
    assert retracted["corrections"] == [{"kind": "RetractionIn", "pmid": "9", "source": "J 1"}]
    notice = linked("RetractionOf", "<PublicationType>Retraction of Publication</PublicationType>")
    assert (notice["retracted"], notice["type"]) == (False, "retraction notice")
    assert linked("ErratumIn")["corrected"] is True
    assert "corrections" not in linked("CommentIn")


def test_identifiers_of_cited_articles_are_not_the_articles_own() -> None:
    """PubMed lists the references of a record with their DOIs; only its own list of ids counts."""
    data = (
        "<PubmedData><ArticleIdList><ArticleId IdType='pubmed'>1</ArticleId><ArticleId IdType='pmc'>PMC12345</ArticleId>"
        "</ArticleIdList><ReferenceList><Reference><ArticleIdList><ArticleId IdType='doi'>10.1000/other</ArticleId>"
        "</ArticleIdList></Reference></ReferenceList></PubmedData>"
    )
    kept = one("pubmed", file_of(article().replace("</PubmedArticle>", f"{data}</PubmedArticle>")))
    assert kept.metadata["pmcid"] == "PMC12345"
    assert "doi" not in kept.metadata


def test_books_are_read() -> None:
    """A chapter of StatPearls or a LiverTox page is a document like any other."""
    book = (
        "<PubmedBookArticle><BookDocument><PMID>5</PMID><ArticleIdList><ArticleId IdType='bookaccession'>NBK1</ArticleId>"
        "</ArticleIdList><Book><Publisher/><BookTitle>StatPearls</BookTitle><PubDate><Year>2020</Year></PubDate></Book>"
        "<ArticleTitle>Asthma</ArticleTitle><Language>eng</Language><AuthorList Type='authors'><Author><LastName>A</LastName>"
        "</Author></AuthorList><Abstract><AbstractText>Text.</AbstractText></Abstract></BookDocument></PubmedBookArticle>"
    )
    kept = one("pubmed", file_of(book))
    assert (kept.id, kept.title, kept.text) == ("PMID_5", "Asthma", "Text.")
    assert (kept.metadata["journal"], kept.metadata["year"], kept.metadata["authors"]) == ("StatPearls", 2020, ["A"])


def test_a_file_broken_in_the_middle_keeps_what_came_before() -> None:
    """The rest is lost, and it is told after which record and on which line."""
    found = read("pubmed", file_of(article("1"), article("2"), "<PubmedArticle><Medline", article("4")))
    assert [d.id for d in found if isinstance(d, Document)] == ["PMID_1", "PMID_2"]
    assert isinstance(found[-1], Rejected)
    assert found[-1].origin == "f:record 2"
    assert "line 1" in found[-1].reason


def test_a_gzip_that_ends_early_keeps_what_came_before() -> None:
    """A download that broke off is told as such, not as bad XML."""
    packed = gzip.compress(file_of(*(article(str(n), f"T{n * 7919}") for n in range(1, 5000))).encode())
    with gzip.GzipFile(fileobj=io.BytesIO(packed[: len(packed) // 2])) as stream:
        titles, places = parted(found := read("pubmed", cast("BinaryIO", stream)))
    assert len(titles) > 1000
    assert places == [f"f:record {len(titles)}"]
    assert isinstance(found[-1], Rejected)
    assert "ends early" in found[-1].reason


BOMB = "<!DOCTYPE x [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12)) + "]>"


@pytest.mark.parametrize(
    "doctype",
    [
        BOMB,
        "<!DOCTYPE x [<!ENTITY a11 SYSTEM 'file:///etc/passwd'>]>",
        "<!DOCTYPE x [<!ENTITY % p SYSTEM 'http://localhost:9/x.dtd'> %p;]>",
        "<!DOCTYPE x [<!ENTITY a11 'harmless'>]>",
    ],
    ids=["bomb", "external", "parameter", "internal"],
)
@pytest.mark.parametrize("place", ["&a11;", "<i title='&a11;'/>"])
def test_entities_of_the_files_own_are_refused(doctype: str, place: str) -> None:
    """Nothing is expanded, opened or fetched: neither a bomb of a billion laughs nor a file of this machine."""
    if "parameter" in doctype or "%" in doctype:
        place = "T"
    if "SYSTEM 'file" in doctype and "title" in place:
        place = "&a11;"
    told = refused("pubmed", file_of(article("1", place), doctype=doctype))
    assert "entit" in told.reason
    assert "root:" not in told.reason


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"<PubmedArticleSet/>", b"<a>" * 100_000, b"<PubmedArticleSet>"])
def test_what_holds_no_record_is_told(content: bytes) -> None:
    """An empty download, rubbish and a file without articles give one complaint each."""
    assert refused("pubmed", content).origin == "f"


def test_other_encodings_are_xmls_own_business() -> None:
    """A file may be UTF-16 or Latin-1 as long as it says so."""
    for encoding in ("utf-16", "iso-8859-1"):
        text = f"<?xml version='1.0' encoding='{encoding}'?><PubmedArticleSet>{article('1', 'Café')}</PubmedArticleSet>"
        assert one("pubmed", text.encode(encoding)).title == "Café"
