"""CSV and TSV: one document a row, the columns guessed from the header or mapped by the caller."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, BinaryIO

from ingest.documents import Document
from ingest.readers.base import Records, Rejected, tells_damage
from ingest.readers.columns import guess, journal_and_issue, people, several
from ingest.readers.fields import build, doi_in, place_id, pmcid_in, pmid_in, pmid_in_urls, tidy
from ingest.readers.text import MAX_LINE, lines

_DELIMITERS = (",", "\t", ";", "|")
# So many ids are remembered to see that the column really tells records apart; about 60 MB.
_REMEMBERED = 500_000


def read_table(stream: BinaryIO, name: str, columns: Mapping[str, str] | None = None) -> Records:
    """Yield the documents of a table.

    Args:
        stream: bytes of the file; its first row is the header.
        name: as told in origins.
        columns: meaning (see `columns.MEANINGS`) → name of the column, where a guess would be wrong.
    """

    @tells_damage
    def read(stream: BinaryIO, name: str) -> Records:
        return _Table(name, columns).read(stream)

    return read(stream, name)


def header_of(stream: BinaryIO, columns: Mapping[str, str]) -> list[str]:
    """The names of a table's columns, as `read_table` reads them; errors as the stream's, or `csv.Error`."""
    source = (line.text for line in lines(stream))
    first = next((text for text in source if text.strip()), "")
    rows = csv.reader(chain([first], source), delimiter=delimiter_of(first, columns))
    return [cell.strip() for cell in next(rows, [])]


class _Table:
    def __init__(self, name: str, mapped: Mapping[str, str] | None) -> None:
        self._name = name
        self._mapped = mapped or {}
        self._ids: set[int] = set()
        self._problems: dict[int, str] = {}
        self._western: set[int] = set()
        self._skipped = 0
        self._quotes = 0
        self._ended = False

    def read(self, stream: BinaryIO) -> Records:
        csv.field_size_limit(MAX_LINE)
        source = self._text(stream)
        first = ""
        for self._skipped, first in enumerate(source):
            if first.strip():
                break
        if not first.strip():
            return
        reader = csv.reader(chain([first], source), delimiter=delimiter_of(first, self._mapped))
        header = [cell.strip() for cell in next(reader)]
        try:
            meant = guess(header, self._mapped)
        except KeyError as error:
            yield Rejected(self._name, f"has no column {error}; its columns are {_listed(header)}")
            return
        if "title" not in meant and "abstract" not in meant:
            yield Rejected(self._name, f"no column is a title or an abstract; its columns are {_listed(header)}")
            return
        yield from self._rows(reader, header, meant)

    def _text(self, stream: BinaryIO) -> Iterator[str]:
        """Lines for the CSV parser; it is noted which of them were not what they should be."""
        for line in lines(stream):
            if line.problem:
                self._problems[line.number] = line.problem
            elif line.western:
                self._western.add(line.number)
            self._quotes += line.text.count('"')
            yield line.text.replace("\0", "")
        self._ended = True

    def _rows(self, reader: Any, header: list[str], meant: dict[str, int]) -> Records:
        number = 0
        while True:
            begin = self._skipped + reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Rejected(f"{self._name}:{begin}", f"is no row of a table: {error}")
                continue
            if any(cell.strip() for cell in row) or self._problems:
                number += 1
                yield self._record(row, header, meant, range(begin, self._skipped + reader.line_num + 1), number)
            self._quotes = 0
            self._problems.clear()
            self._western.clear()

    def _record(
        self, row: list[str], header: list[str], meant: dict[str, int], place: range, number: int
    ) -> Document | Rejected:
        origin = f"{self._name}:{place.start}"
        problem = next((self._problems[line] for line in place if line in self._problems), "")
        if problem:
            return Rejected(origin, f"the row is {problem}", json.dumps(row, ensure_ascii=False))
        if self._ended and len(place) > 1 and self._quotes % 2:
            return Rejected(origin, f"a quote opens here and never closes: all to line {place[-1]} is in it")
        while len(row) > len(header) and not row[-1].strip():
            row.pop()
        if len(row) != len(header):
            reach = f" (it reaches to line {place[-1]}: a quote may be missing)" if len(place) > 1 else ""
            return Rejected(
                origin,
                f"cells in this row: {len(row)}, in the header: {len(header)}{reach}",
                json.dumps(row, ensure_ascii=False),
            )
        said = {meaning: row[position].strip() for meaning, position in meant.items()}
        rest = {name: row[n].strip() for n, name in enumerate(header) if n not in meant.values() and name}
        if self._western.intersection(place):
            rest["encoding"] = "cp1252"
        title, text = tidy(said.pop("title", "")), said.pop("abstract", "")
        identity = said.pop("id", "")
        if "id" not in self._mapped and identity.isdigit():
            rest["id"], identity = identity, ""  # the number of a row in one table, which another table has too
        facts = _facts(said)
        fallback = self._unique(identity, number)
        return build(
            title,
            text,
            rest | facts,
            origin=origin,
            fallback=fallback,
            identity=identity if "id" in self._mapped else "",
        )

    def _unique(self, identity: str, number: int) -> str:
        """The value of the id column as long as it is a record's own, else the record's place."""
        key = hash(identity)
        if not identity or key in self._ids:
            return place_id(self._name, number)
        if len(self._ids) < _REMEMBERED:
            self._ids.add(key)
        return identity


def delimiter_of(first: str, mapped: Mapping[str, str] | None = None) -> str:
    """The delimiter under which the first line has most known columns, then most cells."""

    def score(delimiter: str) -> tuple[int, int]:
        header = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter), [])]
        known = guess(header, {key: name for key, name in (mapped or {}).items() if name in header})
        return len(known), len(header)

    return max(_DELIMITERS, key=score)


def _facts(said: dict[str, str]) -> dict[str, object]:
    """Cells as metadata of the common keys."""
    url, link = said.get("url", ""), said.pop("openurl", "")
    facts: dict[str, object] = dict(said) | {
        "pmid": pmid_in(said.get("pmid")) or pmid_in_urls([url]),
        "doi": doi_in(said.get("doi"), *link.split("&")),
        "pmcid": pmcid_in(said.get("pmcid")),
        "authors": people(said.get("authors", "")),
        "publication_types": several(said.get("publication_types", "")),
        "keywords": several(said.get("keywords", "")),
        "mesh": several(said.get("mesh", "")),
        "url": url if url.startswith(("http://", "https://")) else "",
    }
    source = journal_and_issue(said.get("journal", ""))
    return {**source, **{key: value for key, value in facts.items() if value}, "journal": source["journal"]}


def _listed(header: Sequence[str]) -> str:
    shown = ", ".join(f"“{cell}”" for cell in header[:12])
    return f"{shown} and {len(header) - 12} more" if len(header) > 12 else shown
