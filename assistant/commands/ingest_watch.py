"""What `citewell ingest` says while it works, on standard error: a bar, plain lines, or events in JSON; and its rejects in a file."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from assistant.commands import output
from assistant.commands.ingest_pace import Pace
from configs.errors import CitewellError, InputError
from ingest.documents import Document
from ingest.progress import Observer, Summary
from ingest.readers.base import Rejected
from ingest.text import one_line

if TYPE_CHECKING:
    from rich.progress import Progress

# Of each kind of remark, so many are printed one by one; the summary counts them all.
_MOST_REMARKS = 20
_SECONDS_BETWEEN_LINES = 5.0
_SECONDS_BETWEEN_EVENTS = 0.5


class Watch(Observer):
    """Progress and remarks on standard error, rejects also in a file; use it with `with`."""

    def __init__(self, rejects: Path | None = None, *, events: bool = False) -> None:
        self.latest = Summary()
        self.rejects = rejects
        self._events = events
        self._remarks: dict[str, int] = {}
        self._pace = Pace()
        self._last_line = time.monotonic()
        self._bar: Progress | None = None
        self._file: TextIO | None = None

    def __enter__(self) -> Watch:
        if sys.stderr.isatty() and not self._events:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
            from rich.table import Column

            # The text has what the others leave; its end, the last record, is what may be cut.
            text = TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True))
            columns = (SpinnerColumn(), BarColumn(12), TimeElapsedColumn(), text)
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True, expand=True)
            self._bar.start()
            self._task = self._bar.add_task("Reading …", total=None)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._file is not None:
            self._file.close()
        elif kind is None and self.rejects is not None and self.rejects.is_file():
            with suppress(OSError):  # nothing was rejected, and the file must not say otherwise
                os.truncate(self.rejects, 0)

    def progressed(self, summary: Summary, origin: str) -> None:
        """See `Observer`."""
        self.latest = summary
        self._pace.heard(summary)
        since = time.monotonic() - self._last_line
        if self._bar is not None:
            total = max(summary.expected, summary.done) if summary.expected else None
            told = f"{self._pace} · {one_line(origin)}"
            self._bar.update(self._task, completed=summary.done, total=total, description=told)
        elif since >= (_SECONDS_BETWEEN_EVENTS if self._events else _SECONDS_BETWEEN_LINES):
            self._last_line = time.monotonic()
            if self._events:
                event = {"event": "progress", **summary.to_json(), **self._pace.to_json()}
                output.complain_json({**event, "origin": origin})
            else:
                output.complain(f"{self._pace} · {one_line(origin)}")

    def rejected(self, record: Rejected) -> None:
        """See `Observer`."""
        self._keep(record)
        self._remark("rejected", record.origin, f"rejected: {record.reason}")

    def replaced(self, document: Document) -> None:
        """See `Observer`."""
        self._remark("replaced", document.origin, f"{document.id} replaces the earlier record of that id")

    def duplicated(self, document: Document, other: str) -> None:
        """See `Observer`."""
        self._remark(
            "the same content", document.origin, f"{document.id} has the same content as {other}; both are kept"
        )

    def same_paper(self, left_out: str, kept: str, origin: str) -> None:
        """See `Observer`."""
        text = f"{left_out} is left out: it is the same paper as {kept}, by PMID or DOI"
        self._remark("the same paper", origin, text, left_out=left_out, kept=kept)

    def pruned(self, doc_id: str) -> None:
        """See `Observer`."""
        self._remark("pruned", doc_id, "is no longer in its source and was deleted")

    def waiting(self, error: CitewellError, seconds: float) -> None:
        """See `Observer`."""
        self._remark("waiting", error.where, f"{error.what}; asked again in {seconds:.0f} s. Ctrl+C stops.")

    def warned(self, text: str) -> None:
        """See `Observer`."""
        self._say({"event": "warning", "text": text}, text)

    def stopping(self) -> None:
        """See `Observer`."""
        self._say({"event": "stopping"}, "Stopping: what is under way is finished. Ctrl+C again stops at once.")

    def close_remarks(self) -> None:
        """Say how many remarks were not printed."""
        for kind, count in self._remarks.items():
            if count > _MOST_REMARKS and not self._events:
                output.complain(f"… and {count - _MOST_REMARKS:,} more: {kind}")

    def _remark(self, kind: str, origin: str, text: str, **more: str) -> None:
        self._remarks[kind] = self._remarks.get(kind, 0) + 1
        if self._events or self._remarks[kind] <= _MOST_REMARKS:
            self._say({"event": kind, "origin": origin, "text": text, **more}, f"{origin}: {text}")

    def _say(self, event: dict[str, str], text: str) -> None:
        with self._above_the_bar():
            if self._events:
                output.complain_json(event)
            else:
                output.complain(one_line(text))

    def _keep(self, record: Rejected) -> None:
        """Write a reject to the file, which the first of a run begins anew; only its owner may read it."""
        if self.rejects is None:
            return
        try:
            if self._file is None:
                self.rejects.parent.mkdir(parents=True, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                self._file = os.fdopen(os.open(self.rejects, flags, 0o600), "w", encoding="utf-8")
            line = {"origin": record.origin, "reason": record.reason, "record": record.record}
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise InputError(
                f"rejects cannot be written: {error.strerror}",
                where=str(self.rejects),
                fix="Name another --rejects FILE.",
            ) from error

    def _above_the_bar(self) -> AbstractContextManager[object]:
        return nullcontext() if self._bar is None else _Paused(self._bar)


class _Paused:
    def __init__(self, bar: Progress) -> None:
        self._bar = bar

    def __enter__(self) -> None:
        self._bar.stop()

    def __exit__(self, *_: object) -> None:
        self._bar.start()


def told(summary: Summary) -> str:
    """What a run did, in a sentence."""
    would = "would be " if summary.dry_run else ""
    parts = [
        f"{summary.documents:,} documents {would}stored ({summary.passages:,} passages)",
        f"{summary.skipped:,} unchanged",
        f"{summary.failed:,} rejected",
    ]
    replaced = "would replace" if summary.dry_run else "replaced"
    parts += [f"{summary.replaced:,} {replaced} an earlier record"] if summary.replaced else []
    parts += [f"{summary.recalled:,} vectors from the cache"] if summary.recalled else []
    parts += [f"{summary.duplicates:,} repeat another's content"] if summary.duplicates else []
    parts += [f"{summary.same_paper:,} the same paper as another, left out"] if summary.same_paper else []
    parts += [f"{summary.pruned:,} {would}pruned"] if summary.pruned else []
    return f"Index {summary.index}: {', '.join(parts)} in {summary.seconds:.1f} s."
