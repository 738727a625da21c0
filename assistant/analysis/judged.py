"""Questions and judgments of a test collection, from the files in which the world keeps them.

Questions: BEIR's JSON Lines (`{"_id", "text"}`; `id`, `question` and `query` serve too) or `id TAB text`.
Judgments: BEIR's `query-id TAB corpus-id TAB score`, with its header or without, or TREC's `qid 0 docid grade`.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from backports.zstd import ZstdError

from configs.errors import InputError
from ingest.readers.sniff import HEAD, unpacked
from ingest.text import one_line

Questions: TypeAlias = Mapping[str, str]
"""Question id → its text."""
Judgments: TypeAlias = Mapping[str, Mapping[str, int]]
"""Question id → document id → grade; 0 and below is judged and not relevant."""

_HEADERS = {"query-id", "query_id", "qid", "topic"}
_QUESTION_FORM = 'Lines of {"_id": "q1", "text": "…"} are needed, or of q1 TAB text.'
_JUDGMENT_FORM = "Lines of query-id TAB corpus-id TAB score are needed, or TREC's “qid 0 docid grade”."


def read_questions(path: Path) -> dict[str, str]:
    """The questions of a file, in its order; gzip and zstd are unpacked.

    Raises:
        InputError: the file or a line of it cannot be used; `where` is file:line.
    """
    found: dict[str, str] = {}
    for where, line in numbered(path):
        identity, text = _question(line, where)
        if identity in found:
            raise InputError(f"the question “{one_line(identity)}” stands there twice", where=where)
        found[identity] = text
    if not found:
        raise InputError("holds no question", where=str(path), fix=_QUESTION_FORM)
    return found


def read_judgments(path: Path) -> dict[str, dict[str, int]]:
    """The judgments of a file; gzip and zstd are unpacked.

    Raises:
        InputError: the file or a line of it cannot be used, or judges a pair twice and differently.
    """
    found: dict[str, dict[str, int]] = {}
    for n, (where, line) in enumerate(numbered(path)):
        columns = [part.strip() for part in line.split("\t")] if "\t" in line else line.split()
        if n == 0 and columns[0].lower() in _HEADERS:
            continue
        if len(columns) not in (3, 4) or not all(columns):
            raise InputError(f"{len(columns)} columns, not 3 or 4", where=where, fix=_JUDGMENT_FORM)
        question, document, grade = columns[0], columns[-2], _grade(columns[-1], where)
        if found.setdefault(question, {}).setdefault(document, grade) != grade:
            raise InputError(f"“{one_line(document)}” is judged twice for “{one_line(question)}”", where=where)
    if not found:
        raise InputError("holds no judgment", where=str(path), fix=_JUDGMENT_FORM)
    return found


def numbered(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a UTF-8 file that are not blank, each with its `file:line`, ends and byte order mark taken off.

    Raises:
        InputError: it cannot be opened or unpacked, or is not UTF-8.
    """
    try:
        packed = path.open("rb", buffering=HEAD)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), fix="Check the path.") from None
    with packed:
        yield from numbered_in(cast("io.BufferedReader", packed), str(path))


def numbered_in(stream: io.BufferedReader, name: str) -> Iterator[tuple[str, str]]:
    """As `numbered`, of what is open already; `name` stands for the file."""
    number = 0
    try:
        for number, raw in enumerate(unpacked(stream), start=1):
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            if line.strip():
                yield f"{name}:{number}", line
    except UnicodeDecodeError:
        raise InputError("not UTF-8", where=f"{name}:{number}", fix="Convert the file to UTF-8.") from None
    except (OSError, EOFError, zlib.error, ZstdError) as error:
        told = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be read: {told}", where=name, fix="Check the path.") from None


def _question(line: str, where: str) -> tuple[str, str]:
    if not line.lstrip().startswith("{"):
        identity, tab, text = line.partition("\t")
        if not tab:
            raise InputError("neither a JSON object nor two columns", where=where, fix=_QUESTION_FORM)
        return _checked(identity.strip(), text.strip(), where)
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not valid JSON: {one_line(str(error))}", where=where, fix=_QUESTION_FORM) from None
    return _checked(_first(record, "_id", "id", "qid", "query_id"), _first(record, "text", "question", "query"), where)


def _first(record: Mapping[str, Any], *keys: str) -> str:
    """The first of these keys that holds a string or a whole number, as text; empty where none does."""
    values = (record.get(key) for key in keys)
    usable = (value for value in values if isinstance(value, (str, int)) and not isinstance(value, bool))
    return str(next(usable, "")).strip()


def _checked(identity: str, text: str, where: str) -> tuple[str, str]:
    if not identity or not text:
        raise InputError(f"a question without {'text' if identity else 'an id'}", where=where, fix=_QUESTION_FORM)
    return identity, text


def _grade(text: str, where: str) -> int:
    try:
        grade = float(text)
        whole = int(grade)
    except (ValueError, OverflowError):
        grade, whole = 0.5, 0
    if grade != whole:
        raise InputError(f"the grade “{one_line(text)}” is no whole number", where=where, fix=_JUDGMENT_FORM)
    return whole
