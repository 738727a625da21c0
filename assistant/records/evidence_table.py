"""A table of many answers, a row a question: what was answered, how well it is borne out, and on what evidence.

Rows are appended as they come, each whole and on the disk before the next, so that a run that was killed goes on where
it stopped: a row torn in mid-write is dropped, a question that failed is asked again. One row is one line.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from assistant.answering.provenance import without_path
from assistant.records import markdown, references
from assistant.records.describe import web_address
from assistant.records.files import write
from configs.errors import InputError
from ingest.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from assistant.answering.answer import Answer, Source
    from configs.errors import CitewellError

TableForm: TypeAlias = Literal["csv", "tsv", "md", "jsonl"]
_VERDICTS = ("supported", "partly", "unsupported", "contradicted", "unchecked")
# What a source is told by, a column each; in a cell one value a source, in order, parted by semicolons.
_OF_SOURCES = ("citation", "study_type", "year", "journal", "doi", "pmid", "url", "retracted")
COLUMNS = (
    "question",
    "answer",
    "status",
    *_VERDICTS,
    "sources",
    *_OF_SOURCES[1:],
    "warnings",
    "model",
    "index",
    "error",
)
FAILED = "failed"
_UNKNOWN = "–"
# What makes a spreadsheet run a cell as a formula: OWASP's list of CSV injections, and the same at full width.
_FORMULA = tuple("=+-@＝＋－＠|%\t\r")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def of_answer(answer: Answer) -> dict[str, Any]:
    """The row of an answer, as JSON Lines have it."""
    tally = dict.fromkeys(_VERDICTS, 0) | answer.tally
    return {
        "question": answer.question,
        "answer": answer.text,
        "status": answer.status,
        "support": tally,
        "sources": [_source(source, answer) for source in answer.cited],
        "warnings": [text for text in (answer.emergency, *answer.warnings) if text],
        "model": without_path(answer.model) if answer.model else None,
        "index": answer.index,
        "error": "",
    }


def of_error(question: str, error: CitewellError) -> dict[str, Any]:
    """The row of a question that could not be answered."""
    return {"question": question, "status": FAILED, "error": one_line(str(error))}


def form_of(path: Path) -> TableForm:
    """The form that a file's suffix asks for.

    Raises:
        InputError: none.
    """
    suffix = path.suffix.lower().removeprefix(".")
    for form in get_args(TableForm):
        if suffix == form:
            return form  # type: ignore[no-any-return]
    endings = ", ".join(f".{form}" for form in get_args(TableForm))
    raise InputError(
        "the file's name does not say which kind of table", where=str(path), fix=f"Let it end in {endings}.", usage=True
    )


class EvidenceTable:
    """A table on its way: `take` what an earlier run wrote, `begin`, `append` row by row, `finish`."""

    def __init__(self, path: Path, *, force: bool = False) -> None:
        """Read what is there already.

        Raises:
            InputError: an unknown suffix; a file that is no table of ours, unless `force`; one that cannot be read.
        """
        self.path = path
        self._form = form_of(path)
        self._earlier: defaultdict[str, list[str]] = defaultdict(list)
        self._written: list[str] | None = None
        if not force and os.path.lexists(path):
            self._read()

    def take(self, question: str) -> str | None:
        """The finished row of a question, where an earlier run wrote one; each row is given once."""
        rows = self._earlier.get(self._question_of(self.line({"question": question, "status": ""})))
        return rows.pop(0) if rows else None

    def rest(self) -> list[str]:
        """Finished rows of questions that were not taken: of another list of questions."""
        return [row for rows in self._earlier.values() for row in rows]

    def begin(self, rows: Iterable[str]) -> None:
        """Write header and finished rows, dropping what failed or was torn.

        Raises:
            InputError: it cannot be written.
        """
        self._replace(rows)

    def append(self, row: str) -> None:
        """Write one more row; on return it is on the disk.

        Raises:
            InputError: it cannot be written (a full disk, say).
        """
        try:
            with self.path.open("ab") as file:
                file.write(row.encode("utf-8", "backslashreplace"))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"the row could not be written: {error.strerror}", where=str(self.path)) from error
        if self._written is not None:
            self._written.append(row)

    def finish(self, rows: Iterable[str]) -> None:
        """Put the rows into this order, where they are in another."""
        self._replace(rows)

    def line(self, row: Mapping[str, Any]) -> str:
        """A row as one line of the file."""
        if self._form == "jsonl":
            text = json.dumps(row, ensure_ascii=False, default=str)
            return (
                re.sub(r"[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", lambda c: f"\\u{ord(c[0]):04x}", text)
                + "\n"
            )
        cells = [one_line(str(cell)) for cell in _cells(row)]
        if self._form == "md":
            return "| " + " | ".join(markdown.line(cell).replace("|", "\\|") for cell in cells) + " |\n"
        out = io.StringIO()
        dialect = {"delimiter": "\t"} if self._form == "tsv" else {"quoting": csv.QUOTE_ALL}
        csv.writer(out, lineterminator="\n", **dialect).writerow([_neutral(cell) for cell in cells])
        return out.getvalue()

    def _read(self) -> None:
        try:
            text = self.path.read_bytes().decode("utf-8", "ignore")  # a letter may be torn at the end
        except OSError as error:
            raise self._not_ours(error.strerror) from error
        head = self._head()
        if head.startswith(text):
            return  # killed before the header was whole
        if not text.startswith(head):
            raise self._not_ours("it is no evidence table of this citewell")
        for line in text[len(head) :].split("\n")[:-1]:  # what follows the last line end was torn
            row = line + "\n"
            try:
                if self._status_of(row) != FAILED:
                    self._earlier[self._question_of(row)].append(row)
            except (ValueError, KeyError, IndexError, TypeError) as error:
                raise self._not_ours("one of its lines is no row of an evidence table") from error

    def _replace(self, rows: Iterable[str]) -> None:
        rows = list(rows)
        if rows != self._written:
            write(self.path, self._head() + "".join(rows), force=True)
            self._written = rows

    def _head(self) -> str:
        if self._form == "jsonl":
            return ""
        names = self.line(dict.fromkeys(COLUMNS, "") | {"header": True})
        return names + ("|" + " --- |" * len(COLUMNS) + "\n" if self._form == "md" else "")

    def _question_of(self, row: str) -> str:
        return self._cell(row, "question")

    def _status_of(self, row: str) -> str:
        return self._cell(row, "status")

    def _cell(self, row: str, column: str) -> str:
        if self._form == "jsonl":
            return str(json.loads(row)[column])
        at = COLUMNS.index(column)
        if self._form == "md":
            return re.split(r"(?<!\\)\|", row)[at + 1].strip()
        return next(csv.reader([row], delimiter="\t" if self._form == "tsv" else ","))[at]

    def _not_ours(self, why: str | None) -> InputError:
        return InputError(
            f"exists already and is not overwritten: {why}",
            where=str(self.path),
            fix="Name another file, remove this one, or use --force.",
        )


def _cells(row: Mapping[str, Any]) -> list[object]:
    if row.get("header"):
        return list(COLUMNS)
    sources = row.get("sources") or []
    told: dict[str, object] = {verdict: row.get("support", {}).get(verdict, "") for verdict in _VERDICTS}
    told |= {key: _several(source[key] for source in sources) for key in _OF_SOURCES}
    told["sources"] = _several(f"[{source['n']}] {source['citation']}" for source in sources)
    told["answer"] = _ESCAPED.sub(r"\1", row.get("answer") or "")
    told["warnings"] = _several(row.get("warnings") or ())
    return [told[name] if name in told else row.get(name) or "" for name in COLUMNS]


def _several(values: Iterable[object]) -> str:
    """Values in one cell, in the order of their sources; where one says nothing a dash keeps its place."""
    texts = ["yes" if value is True else "no" if value is False else str(value or "") for value in values]
    return "; ".join(text or _UNKNOWN for text in texts) if len(texts) > 1 else "".join(texts)


def _source(source: Source, answer: Answer) -> dict[str, Any]:
    one = references.of(source)
    return {
        "n": source.n,
        "doc_id": source.doc_id,
        "citation": references.line(one, where := answer.where(source)),
        "where": where or None,
        "study_type": one.study_type or None,
        "year": one.year,
        "journal": one.journal or None,
        "doi": one.doi or None,
        "pmid": one.pmid or None,
        "url": web_address(source),
        "retracted": "Retracted" in one.note,
        "sentences": [n for n, sentence in enumerate(answer.sentences, 1) if source.n in sentence.citations],
    }


def _neutral(cell: str) -> str:
    """A cell that no spreadsheet runs: an apostrophe before what would begin a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
