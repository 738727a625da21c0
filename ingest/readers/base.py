"""What every reader yields: documents, and the records it had to reject."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ingest.documents import Document


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that could not be used: where it stands and why."""

    origin: str
    reason: str


Records: TypeAlias = Iterator[Document | Rejected]
