"""PDF: the text layer with its pages; scans, passwords and damage are told by name."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from tests.ingest.readers.reading import one, refused


def pdf(*pages: list[tuple[int, str]], title: str = "", password: str = "") -> bytes:
    """A PDF whose pages hold lines of (font size, text)."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for lines in pages:
        page = writer.add_blank_page(600, 800)
        shown = [f"BT /F {size} Tf 50 {750 - 30 * n} Td ({line}) Tj ET" for n, (size, line) in enumerate(lines)]
        content = DecodedStreamObject()
        content.set_data("\n".join(shown).encode())
        page[NameObject("/Contents")] = writer._add_object(content)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F"): font})}
        )
    if title:
        writer.add_metadata({"/Title": title})
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_pages_are_known_by_their_spans() -> None:
    """A passage's page can be told from its place in the text, blank pages included."""
    kept = one("pdf", pdf([(10, "Page one.")], [], [(10, "Page three.")]))
    spans = kept.metadata["page_spans"]
    assert [kept.text[start:end] for start, end in spans] == ["Page one.", "", "Page three."]
    assert kept.text == "Page one.\n\nPage three."


def test_lines_become_paragraphs() -> None:
    """The page's line breaks are gone, a word cut by one is whole again, a short last line ends its paragraph."""
    lines = ["We treated all of the pa-", "tients with the same drug", "for a year.", "They all survived the year"]
    kept = one("pdf", pdf([(10, line) for line in lines]))
    assert kept.text == "We treated all of the patients with the same drug for a year.\nThey all survived the year"


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
