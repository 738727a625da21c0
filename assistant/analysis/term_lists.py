"""Lists of terms as people keep them: a term a line, or a column of a table; what cannot be a term is named by its line."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from configs.errors import InputError
from ingest.text import one_line

_TABLES = {".tsv": "\t", ".csv": ","}
# Characters; what is longer is no term, and an embedder would cut it in silence.
_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class TermList:
    """Terms in the order of their file, each once; two lines are the same term if they read the same."""

    name: str
    terms: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    """Where each stands first, counted from 1."""
    rows: dict[int, int] = field(default_factory=dict)
    """Line → number of its term, for the lines that repeat one too."""
    rejected: dict[int, str] = field(default_factory=dict)
    """Line → why it is no term."""

    @property
    def title(self) -> str:
        """Its name without the folders."""
        return Path(self.name).name

    def reject(self, reasons: dict[int, str]) -> None:
        """Note why terms, by their number, could not be used after all."""
        self.rejected.update({self.lines[n]: reason for n, reason in reasons.items()})


def is_table(name: str) -> bool:
    """Whether a file has columns, by its suffix."""
    return Path(name).suffix.lower() in _TABLES


def read_terms(name: str, column: str | int = 0) -> TermList:
    """The terms of a file (`-`: standard input); of a table (.tsv, .csv; a heading first) those of one column.

    Raises:
        InputError: it cannot be read, is not UTF-8, has no such column, or no term at all.
    """
    found = TermList("standard input" if name == "-" else one_line(name))
    known: dict[str, int] = {}
    with _lines(name, found.name) as lines:
        for line, text in _cells(lines, name, found.name, column) if is_table(name) else enumerate(lines, 1):
            term = one_line(text)
            if "\n" in text.strip():
                found.rejected[line] = "runs over several lines; is a quotation mark left open?"
            elif len(term) > _LONGEST:
                found.rejected[line] = f"has more than {_LONGEST:,} characters"
            elif term:
                number = known.setdefault(term, len(known))
                found.rows[line] = number
                if number == len(found.terms):
                    found.terms.append(term)
                    found.lines.append(line)
    if not found.terms:
        raise InputError("holds no term", where=found.name, fix="Write one term a line.")
    return found


def aligned(left: TermList, right: TermList) -> dict[int, set[int]]:
    """Number of a left term → numbers of the right ones on the same lines."""
    pairs: dict[int, set[int]] = {}
    for line, n in left.rows.items():
        if line in right.rows:
            pairs.setdefault(n, set()).add(right.rows[line])
    return pairs


def of_pairs(name: str, left: TermList, right: TermList) -> tuple[dict[int, set[int]], int]:
    """Number of a left term → numbers of the right ones, by the first two columns of a table of pairs.

    Returns:
        The pairs, and how many rows name a term that is not in the lists.

    Raises:
        InputError: it cannot be used, or none of its pairs is of these lists.
    """
    if not is_table(name):
        raise InputError("pairs are a .tsv or a .csv with a heading", where=one_line(name), usage=True)
    ours, theirs = read_terms(name, 0), read_terms(name, 1)
    numbers = [{term: n for n, term in enumerate(terms.terms)} for terms in (left, right)]
    pairs: dict[int, set[int]] = {}
    strange = 0
    for line in ours.rows.keys() & theirs.rows.keys():
        one = numbers[0].get(ours.terms[ours.rows[line]])
        other = numbers[1].get(theirs.terms[theirs.rows[line]])
        if one is None or other is None:
            strange += 1
        else:
            pairs.setdefault(one, set()).add(other)
    if not pairs:
        raise InputError(
            f"none of its pairs is of {left.name} and {right.name}",
            where=one_line(name),
            fix="Its first two columns are the terms of the one list and of the other, in this order.",
        )
    return pairs, strange


@contextmanager
def _lines(name: str, shown: str) -> Iterator[Iterator[str]]:
    """The lines of a file as text, one at a time."""
    try:
        if name == "-":
            yield _decoded(sys.stdin.buffer, shown)
        else:
            with Path(name).open("rb") as file:
                yield _decoded(file, shown)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=shown) from None


def _decoded(file: IO[bytes], shown: str) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise InputError("is not UTF-8", where=f"{shown}:{number}", fix="Convert it to UTF-8.") from None


def _cells(lines: Iterable[str], name: str, shown: str, column: str | int) -> Iterator[tuple[int, str]]:
    """Line and text of one column's cells; a row that ends before it has none."""
    rows = _rows(lines, _TABLES[Path(name).suffix.lower()], shown)
    heading = [one_line(cell) for cell in next(rows, (1, []))[1]]
    if column in heading:
        column = heading.index(str(column))
    if isinstance(column, str) or column >= len(heading):
        wanted = f"column “{column}”" if isinstance(column, str) else f"{column + 1} columns"
        raise InputError(
            f"has no {wanted}", where=f"{shown}:1", fix=f"It has: {', '.join(heading) or 'nothing'}.", usage=True
        )
    for line, row in rows:
        yield line, row[column] if column < len(row) else ""


def _rows(lines: Iterable[str], delimiter: str, shown: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table, each with the line where it begins.

    In a .tsv a line is a row, whatever quotation marks stand there; in a .csv one that is opened must be closed.
    """
    begins = 1
    try:
        if delimiter == "\t":
            for begins, line in enumerate(lines, 1):
                yield begins, _fields(line)
            return
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        for row in rows:
            yield begins, row
            begins = rows.line_num + 1
    except csv.Error as error:
        fix = "Is a quotation mark there left open? Within a quoted term, write it twice."
        raise InputError(f"is no table: {error}", where=f"{shown}:{begins}", fix=fix) from None


def _fields(line: str) -> list[str]:
    """Of a line of a .tsv: what is properly quoted without its quotation marks, anything else as it stands."""
    try:
        return next(csv.reader([line], delimiter="\t", strict=True), [])
    except csv.Error:
        return next(csv.reader([line], delimiter="\t", quoting=csv.QUOTE_NONE, strict=True), [])
