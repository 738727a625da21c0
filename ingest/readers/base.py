"""What every reader yields, documents and the records it had to reject, and how the stream's own damage is told.

A reader is one function, `(stream, name) → Iterator[Document | Rejected]`. It never raises for what stands in
a file: a broken record is a `Rejected` with its place, and the next one is read on. Memory is bounded by one
record, or, for formats where a file is one document, by that file (at most `MAX_BYTES`).

Identity is the format's own, so that one article read from two exports is one document:

    a PubMed number     PMID_12345678
    else a DOI          doi:10.1000/xyz    (lower case)
    else                folder/file.ris#3  (its place: last folder, file name, number of the record)
    one document a file folder/file.pdf

JSON Lines and JSON state their `id`. A table's `id` column comes before all of these where the caller maps it; where
it is only guessed, it comes after the DOI, if it tells its records apart and is more than a number.

Metadata has the same keys whatever the format; what a record does not say is absent:

    authors  [“Last, First”]        year  int             pmid pmcid doi url  str
    journal volume issue pages str  lang  ISO 639-1       mesh keywords publication_types  [str]
    corrections  [{kind, pmid, source}]: PubMed's names, such as RetractionIn, ErratumIn
    type retracted corrected        see `ingest.evidence`
    encoding                        “cp1252” where the record was not the UTF-8 it should be
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import BinaryIO, TypeAlias

from backports.zstd import ZstdError

from ingest.documents import Document

# Largest record, and largest file of a format that is one document: beyond it nothing is held in memory.
MAX_BYTES = 64 * 2**20
# A title is stored and embedded with each passage: a book in it would be stored as often as it has pages.
MAX_TITLE = 10_000
# So is an id, which is indexed and shown besides.
MAX_ID = 512


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that could not be used: where it stands and why."""

    origin: str
    reason: str
    record: str = ""
    """The record itself, where it is text and could be had."""


Records: TypeAlias = Iterator[Document | Rejected]
Reader: TypeAlias = Callable[[BinaryIO, str], Records]


def too_long(identity: str, title: str) -> str:
    """Why these cannot be stored with each passage; empty where they can."""
    if len(identity) > MAX_ID:
        return f"its id is longer than {MAX_ID} characters: is it the text?"
    return f"the title is longer than {MAX_TITLE:,} characters: is it the text?" if len(title) > MAX_TITLE else ""


def tells_damage(reader: Reader) -> Reader:
    """A reader whose stream may break off: what came before is kept, and one `Rejected` says what is lost."""

    @wraps(reader)
    def guarded(stream: BinaryIO, name: str) -> Records:
        origin = name
        try:
            for record in reader(stream, name):
                origin = record.origin
                yield record
        except EOFError:
            yield Rejected(origin, "the compressed file ends early after this; the rest of it is lost: fetch it again")
        except (OSError, zlib.error, ZstdError) as error:
            yield Rejected(origin, f"cannot be read past this: {error}")
        except UnicodeError as error:
            yield Rejected(origin, f"is not the {getattr(error, 'encoding', 'text')} it begins as, past this")

    return guarded


class TooLarge(Exception):
    """A file is larger than what is read at once."""


def read_whole(stream: BinaryIO) -> bytes:
    """All of a stream that is one document.

    Raises:
        TooLarge: it has more than `MAX_BYTES`.
    """
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise TooLarge
    return content


TOO_LARGE = f"is larger than {MAX_BYTES // 2**20} MiB, and this format is read whole: split it"
