"""One way for all tests to read a few bytes as a file of some format."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from ingest.documents import Document
from ingest.readers.base import Rejected
from ingest.readers.registry import reader_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def read(kind: str, content: bytes | str | BinaryIO) -> list[Document | Rejected]:
    """All that comes of a file called `f` with this content."""
    raw = content.encode() if isinstance(content, str) else content
    return list(reader_of(kind)(io.BytesIO(raw) if isinstance(raw, bytes) else raw, "f"))


def one(kind: str, content: bytes | str) -> Document:
    """The one document of a file that holds nothing else."""
    (found,) = read(kind, content)
    assert isinstance(found, Document), found
    return found


def refused(kind: str, content: bytes | str | BinaryIO) -> Rejected:
    """The one complaint about a file of which nothing can be used."""
    (found,) = read(kind, content)
    assert isinstance(found, Rejected), found
    return found


def parted(found: Sequence[Document | Rejected]) -> tuple[list[str], list[str]]:
    """Titles of the documents, places of the rejects."""
    return [d.title for d in found if isinstance(d, Document)], [r.origin for r in found if isinstance(r, Rejected)]
