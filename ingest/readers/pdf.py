"""PDF: one document a file, from its text layer, with its sections and pages; a scan without text is named as such.

By PDFium: it reads a page in a tenth of pypdf's time, keeps the blanks between words that pypdf ran together
(“deliveryiscommoninmany”), and tells font, size and place of each, by which headings and columns are known.
Only text is read: no script of the file runs, nothing it points to is opened.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, BinaryIO

from ingest.documents import Document
from ingest.readers.base import TOO_LARGE, Records, Rejected, TooLarge, read_whole, tells_damage
from ingest.readers.fields import build, place_id, tidy

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

    from ingest.readers.pdf_page import Line

_MOST_PAGES = 5_000
# Text of a whole file: a compressed stream may unpack to much more than the file.
_MOST_TEXT = 32 * 2**20
_LONGEST_TITLE = 300
# PDFium is one for the process, and not made for threads.
_ONE_AT_A_TIME = threading.Lock()
_PASSWORD, _SECURITY = 4, 5


@tells_damage
def read_pdf(stream: BinaryIO, name: str) -> Records:
    """Yield the document of a PDF file."""
    try:
        content = read_whole(stream)
    except TooLarge:
        yield Rejected(name, TOO_LARGE)
        return
    # Imported here: it loads a native library.
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        with _ONE_AT_A_TIME:
            document = PdfDocument(content)
            try:
                found = _document(document, content, name)
            finally:
                document.close()
        yield found
    except MemoryError:
        yield Rejected(name, "unpacks to more than fits in memory")
    except PdfiumError as error:
        if error.err_code in (_PASSWORD, _SECURITY):
            yield Rejected(name, "is encrypted: save a copy without a password")
        else:
            yield Rejected(name, f"is no sound PDF: {tidy(str(error)) or 'PDFium cannot read it'}")


def _document(document: PdfDocument, content: bytes, name: str) -> Document | Rejected:
    from ingest.readers import pdf_facts, pdf_page, pdf_text

    count = len(document)
    if count > _MOST_PAGES:
        return Rejected(name, f"has {count} pages, more than {_MOST_PAGES:,}: split it")
    pages: list[list[Line]] = []
    read = 0
    for number in range(count):
        page = document[number]
        pages.append(pdf_page.lines(page))
        page.close()
        read += sum(len(line.text) for line in pages[-1])
        if read > _MOST_TEXT:
            return Rejected(name, f"has more than {_MOST_TEXT // 2**20} MiB of text: split it")
    if not read:
        return Rejected(name, f"has no text on its {count} pages: a scan; run OCR over it first")
    text, turns = pdf_text.written(pages, _contents(document))
    first = next(lines for lines in pages if lines)
    last = "\n".join(line.text for lines in pages[-2:] for line in lines)
    title, facts = pdf_facts.facts(content, document.get_metadata_dict(), first, last)
    title = title or tidy(text[:_LONGEST_TITLE].split("\n")[0].strip("# "))
    return build(title, text, facts, origin=f"{name}:page 1", fallback=place_id(name), headed=True, pages=turns)


def _contents(document: PdfDocument) -> dict[str, int]:
    """The file's table of contents, as `pdf_text.written` takes it; of a name that stands twice (in the abstract too), the upper."""
    from ingest.readers.pdf_text import folded

    found = [(folded(entry.get_title()), entry.level + 1) for entry in document.get_toc(max_depth=6)]
    return {name: depth for name, depth in sorted(found, key=lambda one: -one[1]) if name}
