"""JSON Lines: `{"id", "title", "abstract"}` a line; `text` serves for `abstract`, all else is metadata."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO, NoReturn

from ingest.documents import Document
from ingest.readers.base import Records, Rejected, tells_damage, too_long

# Longest line that is read: beyond it a record is rejected without being held in memory.
MAX_LINE_BYTES = 16 * 2**20
# Qdrant stores deeper metadata without complaint and can then never again open the index that holds it.
MAX_DEPTH = 64
_UTF8_BOM = b"\xef\xbb\xbf"


@tells_damage
def read_jsonl(stream: BinaryIO, name: str) -> Records:
    """Yield the documents of a binary stream, and a `Rejected` for each line that holds none."""
    for number, line in enumerate(_lines(stream), start=1):
        if not line:
            yield Rejected(f"{name}:{number}", f"the record is longer than {MAX_LINE_BYTES // 2**20} MiB")
        elif line.strip():
            line = line.removeprefix(_UTF8_BOM) if number == 1 else line
            record = _record(line, f"{name}:{number}")
            if isinstance(record, Rejected):
                record = replace(record, record=line.decode("utf-8", "replace").rstrip("\r\n"))
            yield record


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends; an over-long one comes out empty and is skipped to its end."""
    while line := stream.readline(MAX_LINE_BYTES):
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE_BYTES)
            yield b""
        else:
            yield line


def _record(line: bytes, origin: str) -> Document | Rejected:
    try:
        record = DECODER.decode(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return Rejected(
            origin, f"not UTF-8: byte 0x{line[error.start]:02x} at column {error.start + 1}; convert the file to UTF-8"
        )
    except json.JSONDecodeError as error:
        return Rejected(origin, f"not valid JSON: {error.msg} at column {error.colno}")
    except ValueError as error:
        return Rejected(origin, f"not valid JSON: {error}")
    except RecursionError:
        return Rejected(origin, "the JSON is nested too deeply")
    return document_of(record, origin)


def document_of(record: Any, origin: str) -> Document | Rejected:
    """The document of a parsed record, as a line of JSON Lines or an item of a JSON list holds it."""
    if not isinstance(record, dict):
        return Rejected(origin, f"a JSON object is needed, this is a {_json_type(record)}")
    fields = dict(record)
    identity = fields.pop("id" if "id" in fields else "_id", None)  # BEIR's corpora, and MongoDB's exports, say “_id”
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    if not isinstance(identity, str) or not identity.strip():
        return Rejected(origin, "no “id” (a non-empty string is needed)")
    body_key = "abstract" if fields.get("abstract") is not None else "text"
    title, body = fields.pop("title", None), fields.pop(body_key, None)
    fields.pop("abstract", None)
    for key, value in (("title", title), (body_key, body)):
        if value is not None and not isinstance(value, str):
            return Rejected(origin, f"“{key}” must be a string, this is a {_json_type(value)}")
    identity, title, body = identity.strip(), (title or "").strip(), (body or "").strip()
    if reason := too_long(identity, title):
        return Rejected(origin, reason)
    if not title and not body:
        return Rejected(origin, "neither a title nor an abstract")
    if _too_deep(fields):
        return Rejected(origin, f"its metadata is nested more than {MAX_DEPTH} levels deep")
    document = Document(identity, title, body or title, fields, origin)
    try:
        _ = document.hash, document.text_hash
    except UnicodeEncodeError:
        return Rejected(origin, "half a surrogate pair (\\ud800 … \\udfff) stands in it; export it again as UTF-8")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits} is larger than any number that can be stored")
    return value


def _int(digits: str) -> int | str:
    """A whole number; beyond 64 bits its digits as text, because the index would round it."""
    return int(digits) if len(digits) <= 20 and -(2**63) <= int(digits) < 2**63 else digits


# Numbers that no store could hold, and constants that are no JSON, are told instead of stored.
DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_float, parse_int=_int)


def _too_deep(value: dict[str, Any] | list[Any], left: int = MAX_DEPTH) -> bool:
    inside = [item for item in (value.values() if isinstance(value, dict) else value) if isinstance(item, (dict, list))]
    return bool(inside) and (left == 1 or any(_too_deep(item, left - 1) for item in inside))


def _json_type(value: object) -> str:
    names = {dict: "object", list: "list", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
