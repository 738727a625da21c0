"""What the columns of tables mean, where somebody says so: seen to fit before anything is read, and remembered with the index."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from configs.errors import InputError
from ingest import sources
from ingest.readers import registry
from ingest.readers.columns import MEANINGS
from ingest.readers.sniff import FORMATS, suffix_of

if TYPE_CHECKING:
    from ingest.ledger import Ledger
    from ingest.progress import Observer

# Meaning (see `ingest.readers.columns`) → name of its column.
Columns: TypeAlias = Mapping[str, str]
_ALSO = {"text": "abstract", "author": "authors", "language": "lang", "type": "publication_types"}
_FLAG = "--columns title=Titel,text=Abstract,year=Jahr"


def parsed(text: str) -> dict[str, str]:
    """What `--columns` says; nothing for an empty one. A name with a comma in it is put in quotes: `"title=Name, long"`.

    Raises:
        InputError: it is no such list, or a meaning is unknown or named twice.
    """
    said: dict[str, str] = {}
    for item in next(csv.reader([text], skipinitialspace=True), []):
        meaning, equals, name = (part.strip() for part in item.partition("="))
        meaning = _ALSO.get(meaning.lower(), meaning.lower())
        if not (meaning and equals and name):
            raise InputError(f"“{item}” is no FIELD=COLUMN", where="--columns", fix=f"Write {_FLAG}.", usage=True)
        if meaning not in MEANINGS:
            known = ", ".join(["text" if one == "abstract" else one for one in MEANINGS])
            raise InputError(f"there is no field “{meaning}”", where="--columns", fix=f"One of: {known}.", usage=True)
        if meaning in said:
            raise InputError(f"“{meaning}” is said twice", where="--columns", fix=f"Write {_FLAG}.", usage=True)
        said[meaning] = name
    return said


def check(files: Sequence[str], columns: Columns | None) -> None:
    """See that each table among these files has these columns; of standard input, and of broken files, reading tells it.

    Raises:
        InputError: there is no table at all; or one lacks a column: names those that it has.
    """
    if columns is None:
        return
    tables = _tables(files)
    if not tables:
        raise InputError("none of these files is a table", where="--columns", fix="It is for CSV and TSV.", usage=True)
    for name in tables:
        header = registry.header_of(name, columns)
        missing = [column for column in columns.values() if header and column not in header]
        if missing:
            there = ", ".join(f"“{column}”" for column in header)
            raise InputError(f"has no column “{missing[0]}”", where=name, fix=f"It has {there}.", usage=True)


def of_tables(
    files: Sequence[str], columns: Columns | None, ledger: Ledger, observer: Observer, *, note: bool
) -> dict[str, Columns]:
    """What each of these files is to be read with: these columns, else those that it was read with before, and that is said.

    With `note`, they are remembered: from now on the files mean the same without being told.
    """
    tables = {name: sources.named(name) for name in _tables(files)}
    if columns is None:
        known = ledger.columns()
        found: dict[str, Columns] = {name: known[source] for name, source in tables.items() if source in known}
        for mapped in {shown(one): one for one in found.values()}:
            alike = [name for name, one in found.items() if shown(one) == mapped]
            more = f" and {len(alike) - 1} more" if len(alike) > 1 else ""
            observer.warned(f"{alike[0]}{more}: columns as they were named before, {mapped}; --columns '' guesses anew")
        return found
    if note:
        ledger.map_columns({source: columns for name, source in tables.items() if name != registry.STANDARD_INPUT})
    return dict.fromkeys(tables, columns)


def shown(columns: Columns) -> str:
    """As on the command line."""
    return ",".join(f"{meaning}={name}" for meaning, name in columns.items())


def _tables(files: Sequence[str]) -> list[str]:
    return [name for name in files if name == registry.STANDARD_INPUT or FORMATS.get(suffix_of(name)) == "table"]
