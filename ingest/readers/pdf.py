"""PDF: one document a file, from its text layer, with the span of each page; a scan without text is named as such.

Only text is read: no script of the file runs, nothing it points to is opened.
"""

from __future__ import annotations

import io
import logging
import math
import re
import statistics
from typing import TYPE_CHECKING, BinaryIO

from ingest.documents import Document
from ingest.readers.base import TOO_LARGE, Records, Rejected, TooLarge, read_whole, tells_damage
from ingest.readers.fields import build, place_id, tidy

if TYPE_CHECKING:
    from pypdf import PdfReader

_MOST_PAGES = 5_000
# Text of a whole file: a compressed stream may unpack to much more than the file.
_MOST_TEXT = 32 * 2**20
_SYLLABLE = re.compile(r"(?<=[a-zà-ÿ])[-\u00ad]\n(?=[a-zà-ÿ])")
_SENTENCE_END = re.compile(r"[.:?!。]['”\")\]]?$")
# Titles that a program put there, not the author.
_NO_TITLE = re.compile(
    r"untitled|microsoft word|\.(?:docx?|indd|dvi|tex|qxd|pdf|fm|rtf)\b|^[\W\d_]*$|\d{6,}", re.IGNORECASE
)
_ADDRESS = re.compile(r"www\.|https?:|@")
_LONGEST_TITLE = 300
_SHORTEST_TITLE = 12


@tells_damage
def read_pdf(stream: BinaryIO, name: str) -> Records:
    """Yield the document of a PDF file."""
    try:
        content = read_whole(stream)
    except TooLarge:
        yield Rejected(name, TOO_LARGE)
        return
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").addHandler(logging.NullHandler())  # it warns on standard error otherwise
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            yield Rejected(name, "is encrypted: save a copy without a password")
            return
        yield _document(reader, name)
    except MemoryError:
        yield Rejected(name, "unpacks to more than fits in memory")
    except PyPdfError as error:
        yield Rejected(name, f"is no sound PDF: {tidy(str(error)) or type(error).__name__}")
    except Exception as error:  # noqa: BLE001 - on damaged files pypdf fails with whatever its objects lead to
        yield Rejected(name, f"is no sound PDF ({type(error).__name__}: {tidy(str(error))[:200]})")


def _document(reader: PdfReader, name: str) -> Document | Rejected:
    count = len(reader.pages)
    if count > _MOST_PAGES:
        return Rejected(name, f"has {count} pages, more than {_MOST_PAGES:,}: split it")
    text, spans = "", []
    largest = _Largest()
    for page in reader.pages:
        raw = _storable(page.extract_text() if text else page.extract_text(visitor_text=largest))
        flowing = _unwrapped(raw)
        text = f"{text}\n\n{flowing}" if text and flowing else text or flowing
        spans.append([len(text) - len(flowing), len(text)])
        if len(text) > _MOST_TEXT:
            return Rejected(name, f"has more than {_MOST_TEXT // 2**20} MiB of text: split it")
    if not text:
        return Rejected(name, f"has no text on its {count} pages: a scan; run OCR over it first")
    said = tidy(str((reader.metadata and reader.metadata.title) or ""))
    title = (
        said if said and not _NO_TITLE.search(said) else largest.text() or tidy(text[:_LONGEST_TITLE].split("\n")[0])
    )
    return build(title, text, {"page_spans": spans}, origin=f"{name}:page 1", fallback=place_id(name))


class _Largest:
    """What is set largest on the first page with text, which is the title more often than the first line is."""

    def __init__(self) -> None:
        self._by_size: dict[float, list[str]] = {}

    def __call__(self, text: str, cm: list[float], tm: list[float], _: object, size: float) -> None:
        """As pypdf calls it for each piece of text, with its matrices and font size."""
        height = round(abs(size) * math.hypot(tm[2], tm[3]) * math.hypot(cm[2], cm[3]), 1)
        self._by_size.setdefault(height, []).append(text)

    def text(self) -> str:
        for height in sorted(self._by_size, reverse=True):
            found = tidy(_storable(_SYLLABLE.sub("", "".join(self._by_size[height]))))
            if sum(map(str.isalpha, found)) >= _SHORTEST_TITLE and not _ADDRESS.search(found):
                return found if len(found) <= _LONGEST_TITLE else ""
        return ""


def _storable(text: str) -> str:
    """Without half surrogates, which come from fonts with broken tables of characters, and without NUL."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def _unwrapped(raw: str) -> str:
    """The text of a page without the line breaks of its lay-out.

    A word cut at the end of a line is joined; a line stays the last of its paragraph where it ends a sentence
    and is clearly shorter than the lines of this page are.
    """
    lines = [" ".join(line.split()) for line in _SYLLABLE.sub("", raw).split("\n")]
    lines = [line for line in lines if line]
    if not lines:
        return ""
    short = 0.8 * statistics.median(map(len, lines))
    pieces = []
    for line in lines:
        pieces += [line, "\n" if len(line) < short and _SENTENCE_END.search(line) else " "]
    return "".join(pieces).strip()
