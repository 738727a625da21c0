"""Labelled texts as the world keeps them, and texts to be labelled: JSON Lines, or a text a line. Kept on disk, not in memory."""

from __future__ import annotations

import json
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

from assistant.analysis.judged import numbered
from configs.errors import InputError
from ingest.text import one_line

_FORM = 'Lines of {"text": "…", "label": "…"} are needed.'
_LONGEST_SHOWN = 60
# Above these many, what was meant as the label is something else: an identifier, a free text.
MOST_LABELS = 1_000


class Row(NamedTuple):
    """A line of a file of labelled texts."""

    where: str
    """Its `file:line`."""
    text: str
    label: str


class Texts(Sequence[str]):
    """Any number of texts in a temporary file: what is not looked at takes 8 bytes of memory each."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 — it lives as long as this
        weakref.finalize(self, self._file.close)
        self._starts = array("Q", [0])
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Add one at the end."""
        self._file.seek(self._starts[-1])
        self._starts.append(self._starts[-1] + self._file.write(text.encode("utf-8", "surrogatepass")))

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        at = range(len(self))[at]
        self._file.seek(self._starts[at])
        return self._file.read(self._starts[at + 1] - self._starts[at]).decode("utf-8", "surrogatepass")


def read_labelled(path: Path) -> Iterator[Row]:
    """The rows of a file, in order; gzip and zstd are unpacked. Of a row without text or label, that field is empty.

    Raises:
        InputError: the file or a line of it cannot be used; `where` is file:line, and the columns found are named.
    """
    found = False
    for where, line in numbered(path):
        found = True
        record = _object(line, where)
        missing = [key for key in ("text", "label") if key not in record]
        if missing:
            has = ", ".join(f"“{_shown(key)}”" for key in record) or "nothing"
            raise InputError(f"no “{'” and no “'.join(missing)}”: this line has {has}", where=where, fix=_FORM)
        text, label = record["text"], record["label"]
        if text is not None and not isinstance(text, str):
            raise InputError(f"“text” is no string but {_shown(json.dumps(text))}", where=where, fix=_FORM)
        yield Row(where, (text or "").strip(), _label(label, where))
    if not found:
        raise InputError("holds no labelled text", where=str(path), fix=_FORM)


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not valid JSON: {one_line(str(error))}", where=where, fix=_FORM) from None
    if not isinstance(record, dict):
        raise InputError(f"a JSON object is needed, not {_shown(line)}", where=where, fix=_FORM)
    return record


def _label(value: object, where: str) -> str:
    """A label as text: numbers and truth values as JSON writes them."""
    if value is None:
        return ""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise InputError(f"“label” is neither text nor number but {_shown(json.dumps(value))}", where=where, fix=_FORM)


def read_texts(lines: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, object]]:
    """Texts to be labelled, as (file:line, text, id): a line of plain text, or a JSON object with “text” and maybe “id”.

    Raises:
        InputError: a line is JSON without a text.
    """
    for where, line in lines:
        record = _parsed(line) if line.lstrip().startswith("{") else None
        if record is None:
            yield where, line.strip(), None
            continue
        text = record.get("text")
        if not isinstance(text, str):
            has = ", ".join(f"“{_shown(key)}”" for key in record) or "nothing"
            what = (
                f"“text” is no string but {_shown(json.dumps(text))}"
                if "text" in record
                else f"no “text”: this line has {has}"
            )
            raise InputError(what, where=where, fix='Lines of {"text": "…"}, or plain text.')
        yield where, text.strip(), record.get("id", record.get("_id"))


def _parsed(line: str) -> dict[str, Any] | None:
    """A line as a JSON object; None where it is plain text after all."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _shown(text: str) -> str:
    short = one_line(text)
    return short if len(short) <= _LONGEST_SHOWN else short[:_LONGEST_SHOWN] + "…"
