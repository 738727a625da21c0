"""Sessions on disk: a file of JSON lines each, one appended for every answer, so that a kill loses nothing stored.

    {folder}/20261121-093000-123456-7c1e09.jsonl       the id: UTC when it was begun, to the microsecond
        {"citewell_session": 1, "title": "…"}          for the list alone; `load` derives the title
        {"answer": {…}, "at": "2026-11-21T09:30:07.500000+00:00", "turn": 1}

A line that cannot be read, torn by a kill in mid-write say, costs that one answer and nothing else.
The folder and its files are open to their owner only, since questions may concern patients.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assistant.answering.answer import Answer
from configs.errors import InputError
from ingest.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FORMAT = 1
_ID = re.compile(r"([0-9]{8}-[0-9]{6}-[0-9]{6})-[0-9a-f]{6}")
_TIME = "%Y%m%d-%H%M%S-%f"
_TITLE_LENGTH = 80
# How every answer's line ends; no string in an answer can hold it, because JSON escapes quotation marks.
_END = re.compile(rb', "at": "([0-9T:.+-]+)", "turn": ([0-9]+)\}\n\Z')
_HEAD_BYTES, _END_BYTES = 1024, 128
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation: its answers in order. Times are UTC."""

    id: str
    created: datetime
    updated: datetime
    title: str
    """The first question, on one line, cut; empty while there is none."""
    answers: tuple[Answer, ...] = ()
    damaged: tuple[int, ...] = ()
    """Lines of its file that could not be read, each an answer that is missing here."""


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """What a list of sessions shows of one."""

    id: str
    updated: datetime
    title: str
    turns: int
    bytes: int = 0
    """Of its file."""
    readable: bool = True
    """Whether any of its answers can be read."""

    @property
    def created(self) -> datetime:
        """When it was begun."""
        return _begun(self.id)


def utc_now() -> datetime:
    """Tell the time, as sessions do unless a test gives another."""
    return datetime.now(UTC)


class SessionStore:
    """The sessions of one folder, which is made when the first answer is stored."""

    def __init__(self, folder: Path, now: Callable[[], datetime] = utc_now) -> None:
        self.folder = folder
        self._now = now

    def create(self) -> Session:
        """Begin a session with no answers; nothing is written until the first `append`."""
        begun = self._now().astimezone(UTC)
        return Session(f"{begun:{_TIME}}-{secrets.token_hex(3)}", begun, begun, "")

    def append(self, session_id: str, answer: Answer) -> None:
        """Store an answer: on return it is on the disk.

        Raises:
            InputError: no valid id; the file cannot be written (a full disk, say).
        """
        path = self._path(session_id)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            with os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "ab+") as file:
                path.chmod(0o600)
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _END_BYTES))
                end = file.read()
                record = {
                    "answer": answer.to_json(),
                    "at": self._now().astimezone(UTC).isoformat(),
                    "turn": self._turns(path, end) + 1,
                }
                lines = [record] if size else [{"citewell_session": FORMAT, "title": title_of(answer.question)}, record]
                # A torn line gets its newline now, lest this one be glued onto it.
                text = ("" if end.endswith(b"\n") or not size else "\n") + "".join(_line(line) for line in lines)
                # What UTF-8 cannot hold (half a surrogate pair) becomes JSON's own \uXXXX.
                file.write(text.encode("utf-8", "backslashreplace"))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"the answer could not be saved: {error.strerror}", where=str(path)) from error

    def load(self, session_id: str) -> Session:
        """Read a session, with every answer that can be read.

        Raises:
            InputError: no valid id, no such session, or a file in which nothing can be read.
        """
        path = self._path(session_id)
        try:
            return _parse(path, path.read_bytes())
        except FileNotFoundError:
            raise InputError(f"there is no session {session_id}", where=str(self.folder)) from None
        except OSError as error:
            raise InputError(f"the session cannot be read: {error.strerror}", where=str(path)) from error

    def find(self, start: str) -> str:
        """The id that begins so and no other; `latest` is the session that was answered in last.

        Raises:
            InputError: none begins so, or several do.
        """
        # Of a whole id it is `load` that says whether there is such a session.
        if _ID.fullmatch(start):
            return start
        if start == "latest" and (sessions := self.list()):
            return sessions[0].id
        # Compared as text: what a user types is never part of a path or a pattern.
        found = sorted(path.stem for path in self._files() if start and path.stem.startswith(start))
        if len(found) == 1:
            return found[0]
        shown = one_line(start)
        if found:
            which = ", ".join(found[:3]) + (" …" if len(found) > 3 else "")
            raise InputError(
                f"{len(found)} sessions begin with “{shown}”: {which}", fix="Give more of the id.", usage=True
            )
        raise InputError(
            f"there is no session “{shown}”",
            where=str(self.folder),
            fix="`citewell sessions list` shows all.",
            usage=True,
        )

    def _files(self) -> Iterator[Path]:
        return (path for path in self.folder.glob("*.jsonl") if _ID.fullmatch(path.stem))

    def list(self) -> list[SessionSummary]:
        """List every session, the latest first, from no more than the beginning and the end of each file."""
        summaries = [summary for path in self._files() if (summary := self._summary(path))]
        return sorted(summaries, key=lambda summary: (summary.updated, summary.id), reverse=True)

    def delete(self, session_id: str) -> None:
        """Remove a session for good.

        Raises:
            InputError: no valid id, or no such session.
        """
        path = self._path(session_id)
        try:
            path.unlink()
        except FileNotFoundError:
            raise InputError(f"there is no session {session_id}", where=str(self.folder)) from None
        except OSError as error:
            raise InputError(f"the session cannot be deleted: {error.strerror}", where=str(path)) from error

    def _path(self, session_id: str) -> Path:
        _begun(session_id)
        return self.folder / f"{session_id}.jsonl"

    def _turns(self, path: Path, end: bytes) -> int:
        """How many answers the file holds, by its last line where that is whole."""
        if found := _END.search(end):
            return int(found[2])
        return len(_parse(path, path.read_bytes(), lenient=True).answers) if end else 0

    def _summary(self, path: Path) -> SessionSummary | None:
        """None where the file has gone meanwhile; one that cannot be read is listed as such, to be deleted."""
        size = 0
        try:
            with path.open("rb") as file:
                head = file.readline(_HEAD_BYTES)
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _END_BYTES))
                found = _END.search(file.read())
            if found:
                return SessionSummary(
                    path.stem,
                    datetime.fromisoformat(found[1].decode()),
                    json.loads(head)["title"],
                    int(found[2]),
                    size,
                )
        except FileNotFoundError:
            return None
        except (*_UNREADABLE, OSError):
            pass  # Its first line is damaged: the whole is read, below.
        try:
            session = self.load(path.stem)
        except InputError:
            return SessionSummary(path.stem, _begun(path.stem), "(cannot be read)", 0, size, readable=False)
        return SessionSummary(session.id, session.updated, session.title, len(session.answers), size)


def title_of(question: str) -> str:
    """Make a question the title of its session: on one line, harmless to show, cut at 80 characters."""
    line = one_line(question)
    return line if len(line) <= _TITLE_LENGTH else line[: _TITLE_LENGTH - 1].rstrip() + "…"


def _begun(session_id: str) -> datetime:
    """When a session was begun; refuses whatever is no id, a path above all."""
    matched = _ID.fullmatch(session_id)
    try:
        if matched:
            return datetime.strptime(matched[1], _TIME).replace(tzinfo=UTC)
    except ValueError:
        pass
    raise InputError(
        f"“{one_line(session_id)}” is no session id",
        fix="An id looks like 20261121-093000-123456-7c1e09.",
        usage=True,
    )


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def _parse(path: Path, raw: bytes, *, lenient: bool = False) -> Session:
    """Read the session in a file's bytes; unless `lenient`, InputError where no answer can be read."""
    begun = _begun(path.stem)
    updated = begun
    answers: list[Answer] = []
    damaged: list[int] = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if number == 1 and "citewell_session" in record:
                continue
            at, answer = datetime.fromisoformat(record["at"]), Answer.from_json(record["answer"])
        except _UNREADABLE:
            damaged.append(number)
            continue
        updated = at
        answers.append(answer)
    if not answers and not lenient:
        what = "the session is damaged: none of its answers can be read"
        raise InputError(
            what,
            where=f"{path}:{damaged[0] if damaged else 1}",
            fix="Delete it, or restore the file from a backup.",
        )
    return Session(
        path.stem,
        begun,
        updated,
        title_of(answers[0].question) if answers else "",
        tuple(answers),
        tuple(damaged),
    )
