"""Bytes to lines of text: UTF-8, UTF-16 and UTF-32 by their marks, Windows' Western code page line by line.

A file that is not UTF-8 where it should be is mostly an export from Windows. A line of it is read as cp1252,
and the documents it belongs to carry `encoding: cp1252`; but bytes beyond ASCII in runs of four or more are
another alphabet (Chinese in GBK, Russian in KOI8-R) that cp1252 would turn into rubbish: such a record is rejected.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, NamedTuple, cast

# Characters a line may have; a longer one is passed over.
MAX_LINE = 16 * 2**20

NOT_TEXT = "neither UTF-8 nor Western Windows text (cp1252): convert it to UTF-8"
TOO_LONG = f"longer than {MAX_LINE // 2**20} million characters"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_OTHER_ALPHABET = re.compile(rb"[\x80-\xff]{4}")


class Line(NamedTuple):
    """A line with its end; `western` where it had to be read as cp1252, `problem` where it cannot be used."""

    number: int
    text: str
    western: bool = False
    problem: str = ""


def lines(stream: BinaryIO) -> Iterator[Line]:
    r"""The lines of a stream, numbered from 1, with their ends (\n, \r\n or \r).

    Raises:
        UnicodeError: a file marked as UTF-16 or UTF-32 is none.
    """
    with opened(stream) as text:
        for number, line in enumerate(iter(lambda: text.readline(MAX_LINE), ""), start=1):
            if len(line) == MAX_LINE:
                while len(line) == MAX_LINE:
                    line = text.readline(MAX_LINE)
                yield Line(number, "", problem=TOO_LONG)
            else:
                yield Line(number, line) if line.isascii() else _decoded(number, line)


@contextmanager
def opened(stream: BinaryIO) -> Iterator[io.TextIOWrapper]:
    """The stream as text, undecodable bytes as half surrogates (PEP 383); it is left open at the end."""
    buffered = stream if hasattr(stream, "peek") else io.BufferedReader(cast("io.RawIOBase", stream))
    encoding = encoding_of(cast("io.BufferedReader", buffered).peek(4)[:4])
    wrapper = io.TextIOWrapper(buffered, encoding, errors="surrogateescape", newline="")
    try:
        yield wrapper
    finally:
        wrapper.detach()


def encoding_of(head: bytes) -> str:
    """By the byte order mark, or by the zero bytes that ASCII has in UTF-16; UTF-8 otherwise."""
    marked = next((encoding for mark, encoding in _MARKS.items() if head.startswith(mark)), None)
    if marked:
        return marked
    if len(head) >= 4 and head[0] and head[2] and not head[1] and not head[3]:
        return "utf-16-le"
    if len(head) >= 4 and head[1] and head[3] and not head[0] and not head[2]:
        return "utf-16-be"
    return "utf-8"


def decode(content: bytes) -> Line:
    """A whole file as one `Line`."""
    encoding = encoding_of(content[:4])
    try:
        return Line(1, content.decode(encoding))
    except UnicodeDecodeError:
        return Line(1, "", problem=NOT_TEXT) if encoding != "utf-8" else _western(1, content)


def _decoded(number: int, text: str) -> Line:
    try:
        text.encode()
    except UnicodeEncodeError:
        return _western(number, text.encode("utf-8", "surrogateescape"))
    return Line(number, text)


def _western(number: int, raw: bytes) -> Line:
    if not _OTHER_ALPHABET.search(raw):
        with suppress(UnicodeDecodeError):  # cp1252 leaves five bytes undefined
            return Line(number, raw.decode("cp1252"), western=True)
    return Line(number, raw.decode("utf-8", "replace"), problem=NOT_TEXT)
