"""Which reader reads what: by suffix, and by content where a file is compressed."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

from configs.errors import InputError
from ingest.readers.base import Records, Rejected
from ingest.readers.jsonl import read_jsonl

STANDARD_INPUT = "-"
SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_GZIP_MAGIC = b"\x1f\x8b"


def find_files(paths: Sequence[str]) -> list[str]:
    """The files that `paths` name, folders searched through; `-` stays as it is.

    Raises:
        InputError: a path that is not there, a folder that holds nothing readable, an unknown suffix.
    """
    found: list[str] = []
    for name in paths:
        path = Path(name)
        if name == STANDARD_INPUT:
            found.append(name)
        elif path.is_dir():
            inside = sorted(
                str(child) for child in path.rglob("*") if child.is_file() and child.name.lower().endswith(SUFFIXES)
            )
            if not inside:
                raise InputError(
                    "holds no file that citewell reads", where=name, fix=f"It reads {', '.join(SUFFIXES)}."
                )
            found += inside
        elif not path.exists():
            raise InputError("no such file or folder", where=name, fix="Check the path; nothing was ingested.")
        elif not name.lower().endswith(SUFFIXES):
            raise InputError(
                "is of a format that citewell does not read yet",
                where=name,
                fix=f"It reads {', '.join(SUFFIXES)}, or - for JSON Lines on standard input.",
            )
        else:
            found.append(name)
    return found


def read(name: str) -> Records:
    """The documents and rejects of one file, or of standard input for `-`."""
    if name == STANDARD_INPUT:
        yield from _read_stream(sys.stdin.buffer, "standard input")
        return
    try:
        with Path(name).open("rb") as stream:
            yield from _read_stream(stream, name)
    except OSError as error:
        yield Rejected(name, f"cannot be read: {error.strerror or error}")


def _read_stream(stream: BinaryIO, name: str) -> Records:
    head = stream.peek(2)[:2] if hasattr(stream, "peek") else b""
    if head == _GZIP_MAGIC:
        with gzip.GzipFile(fileobj=stream) as unpacked:
            yield from read_jsonl(cast("BinaryIO", unpacked), name)
    elif head in (b"\xff\xfe", b"\xfe\xff"):
        yield Rejected(name, "is UTF-16; convert the file to UTF-8")
    else:
        yield from read_jsonl(stream, name)
