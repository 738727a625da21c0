"""Plain text: one document a file; its first line, if it looks like one, is the title."""

from __future__ import annotations

from typing import BinaryIO

from ingest.readers.base import TOO_LARGE, Records, Rejected, TooLarge, read_whole, tells_damage
from ingest.readers.fields import build, place_id
from ingest.readers.text import decode

# A longer first line is a paragraph, not a title; the file's name serves then.
LONGEST_TITLE = 300


@tells_damage
def read_plain_text(stream: BinaryIO, name: str) -> Records:
    """Yield the document of a text file; nothing for an empty one."""
    try:
        said = decode(read_whole(stream))
    except TooLarge:
        yield Rejected(name, TOO_LARGE)
        return
    if said.problem or "\0" in said.text:
        yield Rejected(name, f"is {said.problem or 'no text'}")
        return
    text = said.text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        return
    first, _, rest = text.partition("\n")
    title, body = (first, rest) if len(first) <= LONGEST_TITLE else (place_id(name), text)
    metadata = {"encoding": "cp1252"} if said.western else {}
    yield build(title, body, metadata, origin=f"{name}:1", fallback=place_id(name))
