"""Document and Passage: the nouns everyone speaks. Frozen; what can be derived is derived."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ingest import places
from ingest.places import Places

# Namespace of point ids: a constant of the format; changing it orphans every stored point.
NAMESPACE = uuid.UUID("6f0f6d1c-6d0a-5c0e-9f64-0c1d6a1c7e5b")

Metadata = Mapping[str, Any]
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True)
class Document:
    """One record of a corpus. `text` is what is cut into passages: the abstract, or the title alone."""

    id: str
    title: str
    text: str
    metadata: Metadata = field(default_factory=dict)
    origin: str = ""
    """Where it was read, as `file:line`; not part of its identity."""
    places: Places = ()
    """Which section and page its text is in, from character to character, where that is known; derived from the file,
    and no part of its identity either."""

    @cached_property
    def hash(self) -> str:
        """SHA-256 (first 32 hex digits) over all that would be stored: a change in it is an edit."""
        content = _ENCODER.encode([self.id, self.title, self.text, self.metadata])
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    @cached_property
    def text_hash(self) -> str:
        """SHA-256 (first 32 hex digits) over title and text alone: equal for the same content under two ids."""
        return hashlib.sha256(f"{self.title}\x1f{self.text}".encode()).hexdigest()[:32]


def point_id(doc_id: str, ordinal: int, hash_: str) -> str:
    """The point of the n-th passage of a document with this hash, whether there is one or not."""
    return str(uuid.uuid5(NAMESPACE, f"{doc_id}\x1f{ordinal}\x1f{hash_}"))


@dataclass(frozen=True)
class Passage:
    """A piece of a document: `text == document.text[start:end]`, offsets in characters."""

    doc_id: str
    ordinal: int
    title: str
    text: str
    start: int
    end: int
    hash: str
    """The document's `hash`."""
    text_hash: str
    """The document's `text_hash`."""
    metadata: Metadata = field(default_factory=dict)
    places: Places = ()
    """Those of the document that hold for it, by characters of the document."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What classifiers made of it at ingest (`ingest.labelling`); no part of its identity."""

    @cached_property
    def point_id(self) -> str:
        """UUIDv5 of document id, ordinal and content hash: the same content is always the same point."""
        return point_id(self.doc_id, self.ordinal, self.hash)

    @property
    def searchable(self) -> str:
        """Title and text, as embedded."""
        return self.text if self.title in ("", self.text) else f"{self.title}\n{self.text}"

    def payload(self) -> dict[str, Any]:
        """As stored in both homes of the index."""
        known = {
            "doc_id": self.doc_id,
            "ordinal": self.ordinal,
            "title": self.title,
            "text": self.text,
            "start": self.start,
            "end": self.end,
            "hash": self.hash,
            "text_hash": self.text_hash,
            "metadata": dict(self.metadata),
        }
        if self.places:
            known["places"] = [list(place) for place in self.places]
        if self.labels:
            known["labels"] = dict(self.labels)
        return known

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Passage:
        """The inverse of `payload`; of what an older citewell stored, without places and labels."""
        known = {name: payload[name] for name in _STORED} | {"labels": payload.get("labels") or {}}
        return cls(**known, places=places.read(stored)) if (stored := payload.get("places")) else cls(**known)


_STORED = [name for name in Passage.__dataclass_fields__ if name not in ("places", "labels")]
