"""Frames between the owner of an index and its clients: a JSON head, then raw numbers. No pickle: that is code.

    u32 length of the head · u32 length of the body · head, UTF-8 JSON · body, float32 and uint32, all little-endian

The first frame each way is the handshake (see `hello`); after it, a
request is `{"id", "call", …}` and its answer `{"id", …}`, or `{"id", "error"}`, in any order.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from configs import errors
from ingest.documents import Passage
from ingest.index.base import Candidates, Entry, Hit, Vector
from ingest.lexical import SparseVector

VERSION = 1
# What a connection may hold back before its writer waits.
BUFFER = 4 * 2**20
_SIZES = struct.Struct("<II")
_LARGEST = 2**30
# The errors that cross by name; any other arrives as the nearest of its parents here.
_KINDS = {
    kind.__name__: kind
    for kind in (
        errors.InputError,
        errors.IndexStoreError,
        errors.IndexMissing,
        errors.IndexInUse,
        errors.IndexMismatch,
    )
}

Head = dict[str, Any]


class Garbled(Exception):
    """What came is no frame."""


@cache
def build() -> str:
    """A hash of the code that both sides share; an editable install changes without its version."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def hello(**more: Any) -> Head:
    """The handshake of either side.

    Every version has to understand `wire`, `build`, `who`, and a client's `leave`, which asks the owner to
    hang up on everyone and let go of the index; it does, unless somebody else is storing.
    """
    return {"wire": VERSION, "build": build(), **more}


def frame(head: Mapping[str, Any], body: bytes = b"") -> bytes:
    """A frame, to be written at once."""
    told = json.dumps(head, separators=(",", ":")).encode()
    return b"".join((_SIZES.pack(len(told), len(body)), told, body))


async def read(reader: asyncio.StreamReader) -> tuple[Head, bytes] | None:
    """The next frame; None where the other side has ended.

    Raises:
        Garbled: it is none.
    """
    try:
        head_size, body_size = _SIZES.unpack(await reader.readexactly(_SIZES.size))
        if max(head_size, body_size) > _LARGEST:
            raise Garbled
        head = json.loads(await reader.readexactly(head_size))
        body = await reader.readexactly(body_size) if body_size else b""
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except ValueError:
        raise Garbled from None
    if not isinstance(head, dict):
        raise Garbled
    return head, body


def error_to_json(error: errors.CitewellError) -> dict[str, Any]:
    """An error as the other side can raise it again."""
    kind = next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _KINDS), "IndexStoreError")
    return {"kind": kind, "what": error.what, "where": error.where, "fix": error.fix, "usage": error.usage}


def error_from_json(told: Mapping[str, Any]) -> errors.CitewellError:
    """The inverse of `error_to_json`."""
    kind = _KINDS.get(str(told.get("kind")), errors.IndexStoreError)
    what, where, fix = (str(told.get(key, "")) for key in ("what", "where", "fix"))
    return kind(what, where=where, fix=fix, usage=bool(told.get("usage")))


def pack_query(lexical: SparseVector, dense: Vector | None) -> tuple[Head, bytes]:
    """The two halves of a query."""
    head = {"terms": len(lexical.indices), "dense": None if dense is None else len(dense)}
    return head, _packed([("I", lexical.indices), ("f", lexical.values), ("f", () if dense is None else dense)])


def unpack_query(head: Head, body: bytes) -> tuple[SparseVector, list[float] | None]:
    """The inverse of `pack_query`."""
    numbers = _Numbers(body)
    lexical = SparseVector(numbers.take("I", head["terms"]), numbers.take("f", head["terms"]))
    return lexical, None if head["dense"] is None else numbers.take("f", head["dense"])


def pack_candidates(found: Candidates) -> tuple[Head, bytes]:
    """Hits of both halves; Edge computes scores in float32, so none loses a digit."""
    head = {"lexical": [hit.point_id for hit in found.lexical], "dense": [hit.point_id for hit in found.dense]}
    return head, _packed([("f", [hit.score for hit in found.lexical]), ("f", [hit.score for hit in found.dense])])


def unpack_candidates(head: Head, body: bytes) -> Candidates:
    """The inverse of `pack_candidates`."""
    numbers = _Numbers(body)
    lexical, dense = (list(map(Hit, ids, numbers.take("f", len(ids)))) for ids in (head["lexical"], head["dense"]))
    return Candidates(lexical, dense)


def pack_entries(entries: Sequence[Entry]) -> tuple[Head, bytes]:
    """Entries to store: payloads in the head, numbers in the body."""
    head = {
        "passages": [entry.passage.payload() for entry in entries],
        "terms": [len(entry.lexical.indices) for entry in entries],
        "dense": [None if entry.dense is None else len(entry.dense) for entry in entries],
    }
    body: list[tuple[str, Sequence[float]]] = []
    for entry in entries:
        body += [("I", entry.lexical.indices), ("f", entry.lexical.values)]
        body += [] if entry.dense is None else [("f", entry.dense)]
    return head, _packed(body)


def unpack_entries(head: Head, body: bytes) -> list[Entry]:
    """The inverse of `pack_entries`."""
    numbers = _Numbers(body)
    return [
        Entry(
            Passage.from_payload(payload),
            SparseVector(numbers.array("I", terms), numbers.array("f", terms)),
            None if size is None else numbers.array("f", size),
        )
        for payload, terms, size in zip(head["passages"], head["terms"], head["dense"], strict=True)
    ]


def _packed(rows: Iterable[tuple[str, Sequence[float]]]) -> bytes:
    return b"".join(_little(numbers if _is_array(code, numbers) else array(code, numbers)) for code, numbers in rows)  # type: ignore[arg-type]


def _is_array(code: str, numbers: Sequence[float]) -> bool:
    return isinstance(numbers, array) and numbers.typecode == code


def _little(numbers: array[float]) -> bytes:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


class _Numbers:
    """The body of a frame, taken from the front."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)
        self._at = 0

    def take(self, code: str, count: int) -> list[Any]:
        """The next `count` numbers as a list; see `array`."""
        return self.array(code, count).tolist()

    def array(self, code: str, count: int) -> array[Any]:
        """The next `count` numbers of a kind: `I` for uint32, `f` for float32.

        Raises:
            Garbled: there are fewer.
        """
        end = self._at + 4 * count
        if end > len(self._body):
            raise Garbled
        numbers = array(code, self._body[self._at : end].tobytes())
        self._at = end
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers
