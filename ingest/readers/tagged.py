"""Formats of lines with a tag before each value (MEDLINE, RIS): lines to records, whatever is damaged in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from ingest.documents import Document
from ingest.readers.base import MAX_BYTES, Records, Rejected
from ingest.readers.fields import build, place_id
from ingest.readers.text import Line, lines


@dataclass(slots=True)
class Record:
    """The values of one record by tag, in order; `number` counts records, `line` is where it begins."""

    number: int
    line: int
    values: dict[str, list[list[str]]] = field(default_factory=dict)
    """By tag, each value as the lines it stands on."""
    size: int = 0
    western: bool = False
    problem: str = ""

    def all(self, *tags: str) -> list[str]:
        """Every value under these tags that is not blank, its lines parted as they were."""
        said = ("\n".join(value).strip() for tag in tags for value in self.values.get(tag, ()))
        return [value for value in said if value]

    def first(self, *tags: str) -> str:
        """The first value that is not blank, earlier tags before later ones."""
        return next(iter(self.all(*tags)), "")

    def add(self, tag: str, text: str, line: Line, *, further: bool = False) -> None:
        """One more value, or a further line of the tag's last one, and what the line says of the record's state."""
        self.size += len(text)
        if line.western:
            self.western = True
        if line.problem and not self.problem:
            self.problem = f"line {line.number} is {line.problem}"
        elif self.size > MAX_BYTES:
            self.problem = f"the record is longer than {MAX_BYTES // 2**20} MiB"
            self.values.clear()
        elif further and tag in self.values:
            self.values[tag][-1].append(text)
        else:
            self.values.setdefault(tag, []).append([text])


def records(
    stream: BinaryIO, pattern: re.Pattern[str], begins: Callable[[str, bool, Record | None], bool], end: str = ""
) -> Iterator[Record]:
    """The records of a stream of tagged lines.

    Args:
        stream: bytes of the file.
        pattern: matches a tagged line; group 1 is the tag, group 2 the value.
        begins: (tag, whether a blank line stands before it, the record so far) → a new record begins here.
        end: the tag that ends a record, if the format has one.
    """
    record: Record | None = None
    number, tag, blank, strange = 0, "", True, 0
    for line in lines(stream):
        text = line.text.rstrip("\r\n")
        found = pattern.match(text)
        if not found:
            strange = strange or (line.number if text.strip() else 0)
            if (text.strip() or line.problem) and record and tag:
                record.add(tag, text.strip(), line, further=True)
            blank = blank or not text.strip()
            continue
        tag, value = found[1].strip(), found[2] or ""
        if record and begins(tag, blank, record):
            yield record
            record = None
        if tag == end:
            if record:
                yield record
            record, tag = None, ""
        else:
            if record is None:
                number += 1
                record = Record(number, line.number)
            record.add(tag, value, line)
        blank = False
    if record:
        yield record
    elif strange and not number:
        yield Record(0, strange, problem="no record of this format begins here or below")


def documents(
    found: Iterator[Record], name: str, read: Callable[[Record], tuple[str, str, dict[str, object]]]
) -> Records:
    """Documents of records; `read` gives title, text and metadata."""
    for record in found:
        origin = f"{name}:{record.line}"
        if record.problem:
            yield Rejected(origin, record.problem)
            continue
        yield document(record, name, read, origin)


def document(
    record: Record, name: str, read: Callable[[Record], tuple[str, str, dict[str, object]]], origin: str
) -> Document | Rejected:
    """The document of one sound record."""
    title, text, metadata = read(record)
    if record.western:
        metadata["encoding"] = "cp1252"
    return build(title, text, metadata, origin=origin, fallback=place_id(name, record.number))
