"""Which format a file is of, by its suffix and its first bytes; and the compressed ones unpacked."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from typing import Any, cast

from backports import zstd

from ingest.readers.text import encoding_of

# Suffix → format; an empty format is told by the content. Content overrules a suffix only where it is certain.
FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "",
    ".xml": "",
    ".nxml": "",
    ".nbib": "medline",
    ".medline": "medline",
    ".ris": "ris",
    ".csv": "table",
    ".tsv": "table",
    ".txt": "",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "webpage",
    ".htm": "webpage",
    ".xhtml": "webpage",
    ".pdf": "pdf",
}
PACKED = (".gz", ".zst")
# Bytes looked at.
HEAD = 64 * 2**10
_PLAIN = {".xml": "jats", ".nxml": "jats", ".json": "json_list", ".txt": "plain_text"}
_ROOTS = {
    "pubmedarticleset": "pubmed",
    "pubmedbookarticleset": "pubmed",
    "pubmedarticle": "pubmed",
    "pubmedbookarticle": "pubmed",
    "article": "jats",
    "pmc-articleset": "jats",
    "html": "webpage",
}
# What may stand before the first element: declaration, comments, processing instructions, document type.
_PROLOGUE = re.compile(r"(?:\s|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^<>\[]*(?:\[.*?\]\s*)?>)*", re.DOTALL | re.IGNORECASE)
_ROOT = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)")
_JSON_LIST = re.compile(r"\[\s*(?:[{\]]|$)")
_JSON_OBJECT = re.compile(r"\{\s*(?:[\"}]|$)")
_RIS = re.compile(r"\s*(?:[^\n]*\n){0,20}?TY {1,2}- ")
_MEDLINE = re.compile(r"\s*(?:PMID|PMC |OWN |STAT|TI  |FAU |AU  )- ")


def suffix_of(name: str) -> str:
    """The suffix that tells the format, in lower case, that of a compression aside; empty for an unknown one."""
    lower = name.lower()
    for packed in PACKED:
        lower = lower.removesuffix(packed)
    return next((suffix for suffix in FORMATS if lower.endswith(suffix)), "")


def unpacked(stream: io.BufferedReader) -> io.BufferedReader:
    """The stream, or what is packed in it (gzip, Zstandard), ready to be looked into."""
    head = stream.peek(4)[:4]
    if head[:2] == b"\x1f\x8b":
        return _Chunks(_Unpacked(cast("io.BufferedIOBase", gzip.GzipFile(fileobj=stream))), HEAD)
    if head == b"\x28\xb5\x2f\xfd":
        return _Chunks(_Unpacked(cast("io.BufferedIOBase", zstd.ZstdFile(stream))), HEAD)
    return stream


class _Unpacked(io.RawIOBase):
    """What a decompressor gives, to the last byte before a break; only then is the break told."""

    def __init__(self, packed: io.BufferedIOBase) -> None:
        self._packed = packed
        self._broken: Exception | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        filled = 0
        while filled < len(buffer) and self._broken is None:
            try:
                piece = self._packed.read1(len(buffer) - filled)
            except (EOFError, OSError, zlib.error, zstd.ZstdError) as error:
                self._broken = error
                break
            if not piece:
                return filled
            buffer[filled : filled + len(piece)] = piece
            filled += len(piece)
        if self._broken is not None and not filled:
            raise self._broken
        return filled


class _Chunks(io.BufferedReader):
    """Reads of a chunk may come back short: one that waited for its rest would lose what stands before a break."""

    def read(self, size: int | None = -1, /) -> bytes:
        return self.read1(size) if size is not None and 0 < size <= HEAD else super().read(size)


def format_of(head: bytes, suffix: str = "") -> str:
    """The format (the name of its module), from the first bytes and the suffix; JSON Lines where nothing tells."""
    if b"%PDF-" in head[:1024]:
        return "pdf"
    return FORMATS.get(suffix) or _by_content(head, suffix) or _PLAIN.get(suffix, "jsonl")


def _by_content(head: bytes, suffix: str) -> str:
    encoding = encoding_of(head[:4])
    text = head.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        prologue = _PROLOGUE.match(text)
        root = _ROOT.match(text, prologue.end() if prologue else 0)
        return _ROOTS.get(root[1].lower(), "") if root else ""
    if _JSON_LIST.match(text):
        return "json_list"
    if _JSON_OBJECT.match(text):
        return "json_list" if _is_one_object(text, suffix) else "jsonl"
    if _MEDLINE.match(text):
        return "medline"
    if _RIS.match(text):
        return "ris"
    return "table" if suffix == "" and _is_header(text) else ""


def _is_one_object(text: str, suffix: str) -> bool:
    """Whether the object that begins here goes on past its first line, or is all there is in a .json file.

    A first line that ends an object is taken for one of JSON Lines, sound or not: it may not cost those below.
    """
    first, _, rest = text.partition("\n")
    if first.rstrip().endswith("}") or not rest:
        return suffix == ".json" and not rest.lstrip().startswith("{")
    return True


def _is_header(text: str) -> bool:
    """Whether the first line names the columns of a table of records."""
    from ingest.readers.columns import guess
    from ingest.readers.table import delimiter_of

    first = text.partition("\n")[0].strip()
    delimiter = delimiter_of(first)
    known = guess([cell.strip('" ') for cell in first.split(delimiter)])
    return len(known) >= 2 and ("title" in known or "abstract" in known)
