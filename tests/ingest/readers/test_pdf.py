"""PDF: a paper with its sections and pages in reading order; scans, passwords and damage are told by name."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from ingest import places
from ingest.documents import Document
from tests.ingest.readers.reading import one, refused

Text = tuple[float, str] | tuple[float, str, int, int]


def pdf(*pages: Sequence[Text], title: str = "", author: str = "", password: str = "", xmp: str = "") -> bytes:
    """A PDF whose pages hold lines of (font size, text), one under the other, or (size, text, x, y).

    “*” makes bold, a negative size puts a line on its side.
    """
    writer = PdfWriter()
    fonts = DictionaryObject()
    for name, face in (("/F", "/Helvetica"), ("/B", "/Helvetica-Bold")):
        fonts[NameObject(name)] = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject(face),
                NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
            }
        )
    for lines in pages:
        page = writer.add_blank_page(600, 800)
        shown, below = [], 750.0
        for size, text, *at in lines:
            x, y = at or (50, below - size)
            below = y - 0.4 * size
            font = "B" if text.startswith("*") else "F"
            escaped = re.sub(r"([()\\\\])", r"\\\1", text.removeprefix("*"))
            to = f"{x} {y} Td" if size > 0 else f"0 1 -1 0 {x} {y} Tm"
            shown.append(f"BT /{font} {abs(size)} Tf {to} ({escaped}) Tj ET")
        content = DecodedStreamObject()
        content.set_data("\n".join(shown).encode("cp1252"))
        page[NameObject("/Contents")] = writer._add_object(content)
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    if title or author:
        writer.add_metadata({"/Title": title, "/Author": author})
    if xmp:
        stream = DecodedStreamObject()
        stream.set_data(xmp.encode())
        writer._root_object[NameObject("/Metadata")] = writer._add_object(stream)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def place_of(document: Document, words: str) -> str:
    """Where a document says that these words stand."""
    start = document.text.index(words)
    return places.told(places.within(document.places, start, start + len(words)))


def test_pages_are_known() -> None:
    """A passage's page can be told from its place in the text, blank pages counted."""
    kept = one("pdf", pdf([(10, "Page one.")], [], [(10, "Page three.")]))
    assert kept.text == "Page one.\n\nPage three."
    assert (place_of(kept, "Page one."), place_of(kept, "Page three.")) == ("p. 1", "p. 3")


def test_lines_become_paragraphs() -> None:
    """The page's line breaks are gone, a word cut by one is whole again, a short last line ends its paragraph."""
    lines = ["We treated all of the pa-", "tients with the same drug", "for a year.", "They all survived the year"]
    kept = one("pdf", pdf([(10, line) for line in lines]))
    assert kept.text == "We treated all of the patients with the same drug for a year.\n\nThey all survived the year"


def test_a_hyphen_stays_where_the_word_has_one() -> None:
    """A word cut at its own hyphen keeps it: elsewhere in the paper it is written so."""
    lines = [
        "A post-operative course of the",
        "drug was short, and so was post-",
        "operative pain in the HIV-",
        "positive group.",
    ]
    assert one("pdf", pdf([(10, line) for line in lines])).text.endswith(
        "was post-operative pain in the HIV-positive group."
    )


BODY = "The patients of this group were treated with aspirin for many days."


def paper() -> Document:
    """Three pages with running heads, sections, a table inside a paragraph, acknowledgements and references."""
    heads: list[list[Text]] = [
        [(8, f"Smith et al. Journal of Pain 2014, 3:{n}", 50, 780), (8, f"Page {n} of 3", 500, 20)] for n in (1, 2, 3)
    ]
    one_: list[Text] = [
        (18, "Aspirin in the treatment of headache", 50, 750),
        (11, "Jane A. Smith1*, Karl van der Berg2 and Li Wei1", 50, 730),
        (10, "*Abstract", 50, 700),
        (10, BODY, 50, 688),
        (14, "*Methods", 50, 660),
        (12, "*2.1 Setting", 50, 640),
        *[(10, BODY, 50, 620 - 12 * n) for n in range(10)],
        (10, "The drug was given twice a day, and then the", 50, 500),
        (8, "*Table 1 Dose by group", 50, 470),
        *[
            (8, text, x, 458 - 12 * n)
            for n, row in enumerate((("Group", "Dose"), ("A", "10 mg")))
            for text, x in zip(row, (50, 200), strict=True)
        ],
    ]
    two: list[Text] = [
        (10, "patients were asked about their pain.", 50, 750),
        (14, "*Results", 50, 720),
        *[(10, BODY, 50, 700 - 12 * n) for n in range(12)],
        (14, "*Acknowledgements", 50, 500),
        (10, "We thank the nurses.", 50, 480),
        (14, "*References", 50, 450),
        (10, "1. Jones B: Willow bark. J Pain 1999, 1:1. doi:10.1000/other", 50, 430),
    ]
    three: list[Text] = [
        (10, "2. Doe C: Headache. J Pain 2001, 2:2.", 50, 750),
        (14, "*Appendix A", 50, 700),
        (10, "Further figures stand here.", 50, 680),
        (10, "doi:10.1000/own Cite this article as: Smith", 50, 100),
    ]
    return one("pdf", pdf(*(head + page for head, page in zip(heads, (one_, two, three), strict=True))))


def test_a_paper_has_sections_and_pages() -> None:
    """By its headings, their numbers and how they are set, each character's section and page."""
    kept = paper()
    assert place_of(kept, BODY) == "Abstract, p. 1"
    assert place_of(kept, "The drug was given") == "Methods > Setting, p. 1"
    assert place_of(kept, "patients were asked") == "Methods > Setting, p. 2"
    assert place_of(kept, "Further figures") == "Appendix A, p. 3"
    assert {place.section for place in kept.places} == {
        "Abstract",
        "Methods",
        "Methods > Setting",
        "Results",
        "Appendix A",
    }


def test_what_is_no_text_of_the_paper_is_left_out() -> None:
    """Running heads, page numbers, the list of references up to an appendix, acknowledgements, what is above the abstract."""
    text = paper().text
    for absent in ("Journal of Pain", "Page 2", "Willow", "Doe C", "References", "nurses", "Jane A."):
        assert absent not in text


def test_a_table_stays_in_rows_and_cuts_no_sentence() -> None:
    """Its cells are told apart, and the paragraph that it interrupts is whole."""
    text = paper().text
    assert "and then the patients were asked about their pain." in text
    assert "Table 1 Dose by group\nGroup | Dose\nA | 10 mg" in text


def test_what_the_paper_says_of_itself() -> None:
    """Title by size, authors under it, year of the journal; the DOI is its own, not that of a reference."""
    kept = paper()
    assert kept.title == "Aspirin in the treatment of headache"
    assert kept.metadata["authors"] == ["Smith, Jane A.", "van der Berg, Karl", "Wei, Li"]
    assert (kept.metadata["year"], kept.metadata["doi"], kept.id) == (2014, "10.1000/own", "doi:10.1000/own")


def test_xmp_goes_before_all_else() -> None:
    """What the publisher wrote into the packet for it: title, authors, DOI, journal, date; nothing in it is fetched."""
    packet = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/">
    <dc:title><rdf:Alt><rdf:li xml:lang="x-default">A title in the packet</rdf:li></rdf:Alt></dc:title>
    <dc:creator><rdf:Seq><rdf:li>Jane Smith</rdf:li><rdf:li>Doe, Karl</rdf:li></rdf:Seq></dc:creator>
    <prism:doi>10.1000/XYZ</prism:doi><prism:publicationName>Pain</prism:publicationName>
    <prism:coverDate>2019-05-01</prism:coverDate></rdf:Description></rdf:RDF></x:xmpmeta>"""
    kept = one("pdf", pdf([(10, "Text. © 2001 someone")], title="The title of the dictionary", xmp=packet))
    assert kept.title == "A title in the packet"
    known = {key: kept.metadata[key] for key in ("authors", "doi", "journal", "year")}
    assert known == {"authors": ["Smith, Jane", "Doe, Karl"], "doi": "10.1000/xyz", "journal": "Pain", "year": 2019}


def test_two_columns_that_a_file_holds_row_by_row() -> None:
    """The left column is read to its end before the right one, between what spans both."""
    rows: list[Text] = [(16, "A title that goes over the whole width of the page", 50, 750)]
    for n in range(14):
        rows += [
            (10, f"left line {n} of the column", 50, 700 - 14 * n),
            (10, f"right line {n} of the column", 320, 700 - 14 * n),
        ]
    text = one("pdf", pdf(rows)).text
    assert [int(n) for n in re.findall(r"left line (\d+)", text)] == list(range(14))
    assert text.index("left line 13") < text.index("right line 0")
    assert text.index("A title") < text.index("left line 0")


@pytest.mark.parametrize(
    ("stated", "title"),
    [
        ("A true title", "A true title"),
        ("Microsoft Word - draft7.doc", "The largest line is the title"),
        ("untitled", "The largest line is the title"),
        ("", "The largest line is the title"),
    ],
)
def test_the_title_is_the_authors_not_the_programs(stated: str, title: str) -> None:
    """What the file states, unless a program wrote that; else what is set largest on the first page."""
    page = [(8, "Open Access Journal"), (24, "The largest line"), (24, " is the title"), (10, "Text of the article.")]
    assert one("pdf", pdf(page, title=stated)).title == title


def test_a_scan_is_named_as_such() -> None:
    """It says what would help, instead of storing nothing in silence."""
    told = refused("pdf", pdf([], []))
    assert "scan" in told.reason
    assert "OCR" in told.reason


def test_figures_of_a_table_on_its_side_stay_figures() -> None:
    """A number whose figures follow each other up the page is no row of powers, and a power there is still one."""
    table = [(-10.0, "The rate was 0.64935 of 10", 300, 100), (-6.0, "-3", 294, 222), (-10.0, "mol in all.", 300, 232)]
    assert "0.64935" in one("pdf", pdf(table)).text
    assert "10^-3" in one("pdf", pdf(table)).text


def test_a_password_is_told() -> None:
    """Without a password it is read; with one it is not tried any further."""
    page = [(10, "Secret text.")]
    assert "encrypted" in refused("pdf", pdf(page, password="x")).reason
    out = io.BytesIO()
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(page))))
    writer.encrypt("", "owner", algorithm="RC4-128")
    writer.write(out)
    assert one("pdf", out.getvalue()).text == "Secret text."


def test_damaged_files_are_told(capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever a truncated or garbled file makes of the parser: one complaint, or the text that is still there."""
    whole = pdf([(10, "Text of the page.")])
    for damaged in (
        b"",
        b"hello",
        b"%PDF-1.7\n",
        whole[:40],
        whole.replace(b"/Pages", b"/Pxges"),
        whole[: len(whole) // 2],
    ):
        assert "PDF" in refused("pdf", damaged).reason or "text" in refused("pdf", damaged).reason
    assert capfd.readouterr() == ("", "")
