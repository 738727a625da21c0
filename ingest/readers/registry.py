"""Which files are read, and by which reader: folders, patterns, suffixes, content, compression, standard input."""

from __future__ import annotations

import csv
import glob
import io
import os
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, cast

from backports.zstd import ZstdError

from configs.errors import InputError
from configs.settings import PubMedSettings
from ingest.readers.base import Reader, Records, Rejected, tells_damage
from ingest.readers.meter import Meter
from ingest.readers.sniff import FORMATS, HEAD, PACKED, format_of, suffix_of, unpacked

STANDARD_INPUT = "-"
QUERY = "pubmed:"
_PUBMED = PubMedSettings()
SUFFIXES = tuple(FORMATS)
_READS = f"It reads {', '.join(SUFFIXES)}, plain or packed ({', '.join(PACKED)})"
# Formats that know themselves what to make of UTF-16; JSON Lines is UTF-8 by definition.
_UTF16_IS_REFUSED = ("jsonl",)


def find_files(paths: Sequence[str]) -> list[str]:
    """The files that `paths` name: folders searched through, patterns (`*.xml`) filled in; `-` and `pubmed:QUERY` stay.

    In folders, what is of no known format is passed over, and what is hidden (a leading dot).

    Raises:
        InputError: a path that is not there, a folder that holds nothing readable, an unknown suffix.
    """
    found: list[str] = []
    for name in paths:
        path = Path(name)
        if name == STANDARD_INPUT or is_query(name):
            found.append(name)
        elif path.is_dir():
            inside = sorted(_inside(path))
            if not inside:
                raise InputError("holds no file that citewell reads", where=name, fix=f"{_READS}.")
            found += inside
        elif path.exists():
            found.append(_known(name))
        else:
            matched = sorted(glob.glob(name, recursive=True)) if glob.has_magic(name) else []  # noqa: PTH207 - a pattern of the user's, absolute or not
            if not matched:
                raise InputError("no such file or folder", where=name, fix="Check the path; nothing was ingested.")
            found += _readable(matched)
            if not found:
                raise InputError("matches no file that citewell reads", where=name, fix=f"{_READS}.")
    return found


def _inside(folder: Path) -> Iterable[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from _readable(os.path.join(parent, name) for name in files if not name.startswith("."))  # noqa: PTH118 - as given, “./” and all


def _readable(names: Iterable[str]) -> list[str]:
    return [name for name in names if suffix_of(name) and Path(name).is_file()]


def _known(name: str) -> str:
    if not suffix_of(name):
        raise InputError(
            "is of a format that citewell does not read yet",
            where=name,
            fix=f"{_READS}, or - for standard input, where the content tells.",
        )
    return name


def is_query(name: str) -> bool:
    """Whether this is a query for PubMed, and no file of such a name."""
    return name.startswith(QUERY) and not Path(name).exists()


def read(
    name: str,
    pubmed: PubMedSettings = _PUBMED,
    meter: Meter | None = None,
    columns: Mapping[str, str] | None = None,
) -> Records:
    """The documents and rejects of one file, of standard input for `-`, or of what PubMed finds for `pubmed:QUERY`.

    `meter` is told how far into a file each record is; `columns` say what those of a table mean (`ingest.mapping`).

    Raises:
        InputError, ServerError: PubMed cannot use the query, or does not answer.
    """
    if is_query(name):
        # Imported here: files need no network.
        from ingest.entrez import read_query

        yield from read_query(name, pubmed)
        return
    if name == STANDARD_INPUT:
        # By a buffer of its own: a thread that waits in that of `sys.stdin` would hold up the end of the program.
        with open(sys.stdin.fileno(), "rb", buffering=HEAD, closefd=False) as stream:
            yield from _read_stream(cast("io.BufferedReader", stream), "standard input", "", columns)
        return
    try:
        with Path(name).open("rb", buffering=HEAD) as stream:
            before = os.fstat(stream.fileno())
            for record in _read_stream(cast("io.BufferedReader", stream), name, suffix_of(name), columns):
                if meter is not None:
                    meter.took(stream.tell())
                yield record
            if meter is not None:
                meter.ended(before.st_size)
            after = os.fstat(stream.fileno())
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                yield Rejected(name, "changed while it was read; run the same command again when it is finished")
    except OSError as error:
        yield Rejected(name, f"cannot be read: {error.strerror or error}")


def header_of(name: str, columns: Mapping[str, str]) -> list[str]:
    """The columns of a table; none of standard input, and of what cannot be read."""
    if name == STANDARD_INPUT:
        return []
    from ingest.readers import table  # few files are tables

    try:
        with Path(name).open("rb", buffering=HEAD) as stream:
            return table.header_of(cast("BinaryIO", unpacked(cast("io.BufferedReader", stream))), columns)
    except (OSError, EOFError, ValueError, zlib.error, ZstdError, csv.Error):  # reading it will tell
        return []


def _read_stream(
    packed: io.BufferedReader, name: str, suffix: str, columns: Mapping[str, str] | None = None
) -> Records:
    @tells_damage
    def told(stream: BinaryIO, name: str) -> Records:
        content = unpacked(packed)
        head = content.peek(HEAD)[:HEAD]
        kind = format_of(head, suffix)
        if kind in _UTF16_IS_REFUSED and head[:2] in (b"\xff\xfe", b"\xfe\xff"):
            yield Rejected(name, "is UTF-16; convert the file to UTF-8")
            return
        if columns and not suffix and kind == "jsonl" and not head.lstrip().startswith(b"{"):
            kind = "table"  # whose names nobody would guess
        reader = reader_of(kind)
        if kind == "table" and columns:
            reader = partial(reader, columns=columns)  # type: ignore[call-arg]  # it alone takes them
        yield from reader(cast("BinaryIO", content), name)

    yield from told(packed, name)


def reader_of(kind: str) -> Reader:
    """The reader of a format: `read_x` in the module `x`, imported when the first such file comes."""
    return cast("Reader", getattr(import_module(f"ingest.readers.{kind}"), f"read_{kind}"))
