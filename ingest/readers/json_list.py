"""JSON: a list of records, alone or under a key of an object, with the keys of JSON Lines; read as a stream."""

from __future__ import annotations

import io
import json
import re
import zlib
from typing import Any, BinaryIO, TextIO, cast

from backports.zstd import ZstdError

from ingest.readers.base import Records, Rejected, tells_damage
from ingest.readers.jsonl import DECODER, document_of
from ingest.readers.text import NOT_TEXT, opened

# Keys under which an object may hold its list of records.
LISTS = ("records", "articles", "data", "documents", "items", "results")
_CHUNK = 2**18
_PIECE = 2**16
# Characters that one record, or one value beside the list, may have.
_LONGEST = 16 * 2**20
_UNDECODED = re.compile("[\udc80-\udcff]")
_BLANK = re.compile(r"[ \t\r\n]*")


@tells_damage
def read_json_list(stream: BinaryIO, name: str) -> Records:
    """Yield the documents of a JSON file. What is broken ends it: nothing says where the next record begins."""
    whole = _UpToDamage(stream)
    with opened(cast("BinaryIO", io.BufferedReader(whole, _PIECE))) as text:
        source = _Source(text)
        number = 0
        try:
            for record in _records(source):
                number += 1
                yield document_of(record, f"{name}:record {number}")
            if source.peek():
                yield Rejected(f"{name}:record {number}", "is not valid JSON past this: more text after its end")
        except _Broken as error:
            if whole.damage is None:
                yield Rejected(f"{name}:record {number}" if number else name, f"is not valid JSON past this: {error}")
    if whole.damage is not None:
        raise whole.damage


class _UpToDamage(io.RawIOBase):
    """A stream that ends where it breaks off: text asked for in long pieces would be lost with the exception."""

    def __init__(self, stream: BinaryIO) -> None:
        self.damage: Exception | None = None
        self._read = getattr(stream, "read1", stream.read)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._read(len(buffer))
        except (EOFError, OSError, zlib.error, ZstdError) as error:
            self.damage = error
            return 0
        buffer[: len(piece)] = piece
        return len(piece)


class _Broken(Exception):
    pass


def _records(source: _Source) -> Any:
    first = source.peek()
    if first == "[":
        yield from _items(source)
    elif first == "{":
        yield from _wrapped(source)
    elif first:
        raise _Broken("a list of records is needed, or an object with one")


def _items(source: _Source) -> Any:
    """The items of a list that begins here."""
    source.take("[")
    if source.peek() == "]":
        source.take("]")
        return
    while True:
        yield source.value()
        if source.peek() != ",":
            break
        source.take(",")
    source.take("]")


def _wrapped(source: _Source) -> Any:
    """The records in an object's list; where it has none, the object itself is the record."""
    rest: dict[str, Any] = {}
    had_list = False
    source.take("{")
    while source.peek() == '"':
        key = source.value()
        source.take(":")
        if key in LISTS and source.peek() == "[":
            had_list = True
            yield from _items(source)
        else:
            rest[key] = source.value()
        if source.peek() != ",":
            break
        source.take(",")
    source.take("}")
    if rest and not had_list:
        yield rest


class _Source:
    """Text read bit by bit, and the JSON values in it."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._buffer = ""
        self._at = 0
        self._ended = False
        self._undecoded = False

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            blank = _BLANK.match(self._buffer, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._buffer) or not self._more():
                return self._buffer[self._at : self._at + 1]

    def take(self, character: str) -> None:
        """Pass over a character that must stand here."""
        found = self.peek()
        if found != character:
            raise _Broken(f"“{character}” is missing before “{found}”" if found else f"it ends before “{character}”")
        self._at += 1

    def value(self) -> Any:
        """The value that begins here, more text read as it needs it."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                unfinished = error.msg.startswith("Unterminated") or error.pos >= len(self._buffer) - 12
                if not unfinished or not self._more():
                    raise _Broken(error.msg) from None
            except (ValueError, RecursionError) as error:
                raise _Broken(str(error)) from None
            else:
                # A number at the very end of the buffer may go on in the next piece.
                if end < len(self._buffer) or not self._more():
                    self._at = end
                    return value

    def _more(self) -> bool:
        """Read on, dropping what was used, each time as much again as is held; False at the end."""
        self._buffer, self._at = self._buffer[self._at :], 0
        if len(self._buffer) > _LONGEST:
            raise _Broken(f"a value is longer than {_LONGEST // 2**20} MiB")
        piece = (
            ""
            if self._ended or self._undecoded
            else self._text.read(max(_CHUNK, len(self._buffer))).removeprefix("\ufeff")
        )
        self._ended = not piece
        if found := _UNDECODED.search(piece):  # what stands before it is still read; it may be half a letter at a break
            self._undecoded, piece = True, piece[: found.start()]
        if self._undecoded and not piece:
            raise _Broken(NOT_TEXT)
        self._buffer += piece
        return bool(piece)
